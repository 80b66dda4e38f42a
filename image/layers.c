#include "layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int layer_find(const struct store *s, const char *digest, const char *beside, bool again,
               char path[STORE_PATH], struct image_error *err)
{
    const char *slash = strrchr(beside, '/');
    char found[DIGEST_TEXT];

    store_image_path(s, digest, path);
    if (access(path, F_OK) < 0) {
        int n = slash ? (int)(slash - beside) + 1 : 0;
        snprintf(path, STORE_PATH, "%.*s%s.erofs", n, beside, digest);
    }
    if (access(path, F_OK) == 0)
        return store_digest(s, path, digest, again, found, err);
    image_fail(err, 0, "image %s: what it was made from, image %s, is not here", beside, digest);
    return image_hint(err, "bailey image import FILE");
}

static char **make_list(char path[][STORE_PATH], size_t count)
{
    size_t size = (count + 1) * sizeof(char *);

    for (size_t n = 0; n < count; n++)
        size += strlen(path[n]) + 1;
    char **list = malloc(size);
    char *text = list ? (char *)(list + count + 1) : NULL;
    for (size_t n = 0; list && n < count; n++) {
        list[n] = strcpy(text, path[n]);
        text += strlen(text) + 1;
    }
    if (list)
        list[count] = NULL;
    return list;
}

int layers_add(struct erofs_file *f, bool again, char ***paths, struct image_error *err)
{
    static char path[EROFS_DEVICES_MAX][STORE_PATH];
    size_t count = f->part_count - 1;
    struct store s;

    if (paths)
        *paths = NULL;
    if (!count)
        return 0;
    /* Where there can be no store, files side by side still run. */
    if (store_open(&s, true, err) < 0 && store_open(&s, false, err) < 0)
        return -1;
    for (uint32_t n = 1; n <= count; n++)
        if (layer_find(&s, f->parts[n].digest, f->shown, again, path[n - 1], err) < 0 ||
            erofs_file_add(f, n, path[n - 1], err) < 0)
            return -1;
    if (!paths)
        return 0;
    *paths = make_list(path, count);
    return *paths ? 0 : image_fail(err, 12, "image %s", f->shown);
}

int layered_open(struct erofs_file *f, const char *path, struct image_error *err)
{
    if (erofs_file_open(f, path, err) < 0)
        return -1;
    if (layers_add(f, false, NULL, err) == 0)
        return 0;
    erofs_file_close(f);
    return -1;
}
