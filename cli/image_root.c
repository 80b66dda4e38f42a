#define _GNU_SOURCE
#include "image_root.h"
#include "complain.h"
#include "image/layers.h"
#include "image/store.h"

#include <stdlib.h>
#include <string.h>

int complain_image(const struct image_error *err)
{
    return complain_text(err->text, err->hint[0] ? err->hint : NULL);
}

static int open_image(struct image_root *r, const char *ref, struct image_error *err)
{
    char path[STORE_PATH], expected[DIGEST_TEXT], *config;
    struct store store;

    /* Where there can be no store, a file still runs. */
    if (store_open(&store, true, err) < 0 && store_open(&store, false, err) < 0)
        return -1;
    if (store_find(&store, ref, path, expected, err) < 0)
        return -1;
    r->path = realpath(path, NULL);
    if (!r->path)
        return image_fail(err, 0, "image %s: it has gone", ref);
    if (erofs_file_open(&r->file, r->path, err) < 0 ||
        layers_add(&r->file, false, &r->devices, err) < 0 ||
        erofs_file_config(&r->file, &config, err) < 0)
        return -1;
    int rc = config ? image_config_parse(&r->config, config, err) : 0;
    free(config);
    return rc < 0 ? -1 : store_digest(&store, r->path, expected, false, r->digest, err);
}

int image_root_open(struct image_root *r, const char *ref)
{
    struct image_error err = {0};

    r->file.fd = -1;
    return open_image(r, ref, &err) < 0 ? complain_image(&err) : 0;
}

static void add_words(struct strings *to, char **words)
{
    for (; words && *words; words++)
        strings_add(to, need(strdup(*words)));
}

void image_root_program(const struct image_root *r, char **given, struct strings *argv)
{
    add_words(argv, r->config.entrypoint.items);
    add_words(argv, *given ? given : r->config.cmd.items);
}

void image_root_close(struct image_root *r)
{
    if (r->path)
        erofs_file_close(&r->file);
    image_config_free(&r->config);
    free(r->devices);
    free(r->path);
    r->devices = NULL;
    r->path = NULL;
}

static int find_layers(struct sandbox_config *config, const char *path)
{
    struct image_error err = {0};
    struct erofs_file file;
    char **devices = NULL;
    int rc = erofs_file_open(&file, path, &err);

    if (rc == 0) {
        rc = layers_add(&file, false, &devices, &err);
        erofs_file_close(&file);
    }
    config->root_devices = devices;
    return rc < 0 ? complain_image(&err) : 0;
}

/* Nothing, and nothing again for each of its layers: volumes keep their numbers. */
static int without_image(struct sandbox_config *config, size_t layers)
{
    const char **devices = need(calloc(layers + 1, sizeof(*devices)));

    for (size_t i = 0; i < layers; i++)
        devices[i] = "";
    config->root_devices = (char *const *)devices;
    config->root_image = "";
    return 0;
}

int image_root_resume(struct sandbox_config *config, bool carried, size_t layers, char **path)
{
    const char *wanted = config->root_digest;
    char file[STORE_PATH], digest[DIGEST_TEXT];
    struct image_error err = {0};
    struct store store;

    *path = NULL;
    if (config->root_mode != SANDBOX_ROOT_IMAGE)
        return 0;
    if (!wanted || !digest_is(wanted))
        return complain("resume", NULL, "the file does not say which image it needs");
    carried |= !*config->root_image;
    if (store_open(&store, true, &err) < 0 && store_open(&store, false, &err) < 0)
        return carried ? without_image(config, layers) : complain_image(&err);
    store_image_path(&store, wanted, file);
    if (store_digest(&store, file, wanted, false, digest, &err) == 0)
        *path = need(strdup(file));
    else if (store_digest(&store, config->root_image, wanted, false, digest, &err) == 0)
        *path = need(strdup(config->root_image));
    if (!*path && carried)
        return without_image(config, layers);
    if (!*path)
        return complain("resume", "bailey image import FILE", "its image %s (%s) is not here",
                        wanted, config->root_image);
    config->root_image = *path;
    return find_layers(config, *path);
}
