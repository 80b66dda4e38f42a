/* Fuzzes the configuration of an image: the text kept in one, that of an OCI image, and words
 * of the command line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../image/config.h"
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_error err = {0};
    struct image_config config = {0};
    struct image_words words = {0};
    char *text = strndup((const char *)data, size < 65536 ? size : 65536);

    if (image_config_parse(&config, text, &err) == 0) {
        char *again = image_config_text(&config); /* what was understood can be said */
        struct image_config same = {0};
        if (again && image_config_parse(&same, again, &err) != 0)
            abort();
        image_config_free(&same);
        free(again);
    }
    image_config_free(&config);
    memset(&config, 0, sizeof(config));
    image_config_parse_oci(&config, text, &err);
    image_config_free(&config);
    image_words_parse(&words, text, &err);
    image_words_clear(&words);
    free(text);
    return 0;
}
