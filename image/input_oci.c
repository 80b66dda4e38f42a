/* An OCI image layout as a tree: all layers, one over the other.
 *
 * index.json leads to manifests (by way of more indexes), a manifest to a configuration
 * and layers, everything by digest.  Each blob's digest is checked before it is used.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "digest.h"

#define JSON_MAX   (4u << 20)
#define INDEX_DEEP 4
#define LAYERS_MAX 512

struct layout {
    int dir;
    const char *path;
    struct image_error *err;
};

static int bad(const struct layout *l, const char *why)
{
    image_fail(l->err, 0, "%s: %s", l->path, why);
    return image_hint(l->err, "an OCI layout has index.json and blobs/sha256/...");
}

static char *read_text(const struct layout *l, int fd)
{
    struct stat st;
    char *text = NULL;
    ssize_t n = 0;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > JSON_MAX) {
        bad(l, "a description in it is no file, or too large");
        return NULL;
    }
    text = calloc(1, (size_t)st.st_size + 1);
    for (size_t at = 0; text && (n = pread(fd, text + at, (size_t)st.st_size - at, (off_t)at)) > 0;)
        at += (size_t)n;
    if (!text)
        image_fail(l->err, ENOMEM, "%s", l->path);
    return text;
}

static struct json_object *read_json(const struct layout *l, int fd)
{
    char *text = read_text(l, fd);
    struct json_object *o = text ? json_tokener_parse(text) : NULL;

    free(text);
    if (text && !json_object_is_type(o, json_type_object)) {
        json_object_put(o);
        bad(l, "a description in it is no JSON");
        return NULL;
    }
    return o;
}

static const char *string(struct json_object *o, const char *key)
{
    struct json_object *value = json_object_object_get(o, key);

    return value && json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                                 : "";
}

/* Opens the blob a descriptor names and checks its digest. */
static int open_blob(const struct layout *l, struct json_object *descriptor)
{
    char name[96], digest[DIGEST_TEXT];
    const char *wanted = string(descriptor, "digest");

    if (strncmp(wanted, "sha256:", 7) != 0 || !digest_is(wanted + 7))
        return bad(l, "a digest in it is no sha256:...");
    snprintf(name, sizeof(name), "blobs/sha256/%s", wanted + 7);
    int fd = openat(l->dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return image_fail(l->err, errno, "%s/%s", l->path, name);
    int rc = digest_file(fd, digest);
    if (rc == 0 && strcmp(digest, wanted + 7) == 0)
        return fd;
    close(fd);
    return rc ? image_fail(l->err, -rc, "%s/%s", l->path, name)
              : image_fail(l->err, 0, "%s/%s: its contents are not what the digest says", l->path,
                           name);
}

/* Is the manifest for this machine?  One that doesn't say is. */
static bool for_this_machine(struct json_object *descriptor)
{
    struct json_object *platform = json_object_object_get(descriptor, "platform");

    if (!platform || !json_object_is_type(platform, json_type_object))
        return true;
    return strcmp(string(platform, "architecture"), "amd64") == 0 &&
           strcmp(string(platform, "os"), "linux") == 0;
}

/* The manifest an index leads to; NULL with an error. */
static struct json_object *find_manifest(const struct layout *l, struct json_object *index,
                                         unsigned depth)
{
    struct json_object *list = json_object_object_get(index, "manifests"), *found = NULL;
    size_t count =
        list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count && !found; i++) {
        struct json_object *d = json_object_array_get_idx(list, i);
        if (!json_object_is_type(d, json_type_object) || !for_this_machine(d))
            continue;
        int fd = open_blob(l, d);
        if (fd < 0)
            return NULL;
        struct json_object *o = read_json(l, fd);
        close(fd);
        if (!o)
            return NULL;
        if (json_object_object_get(o, "layers")) {
            found = o;
        } else {
            found = depth ? find_manifest(l, o, depth - 1) : NULL;
            json_object_put(o);
        }
    }
    if (!found && !l->err->text[0])
        bad(l, "no image for linux/amd64 in it");
    return found;
}

static int take_layers(const struct layout *l, struct json_object *manifest, struct tree *t,
                       int spool, uint64_t *spooled)
{
    struct json_object *layers = json_object_object_get(manifest, "layers");
    char shown[512];

    if (!json_object_is_type(layers, json_type_array) ||
        json_object_array_length(layers) > LAYERS_MAX)
        return bad(l, "its list of layers makes no sense");
    for (size_t i = 0; i < json_object_array_length(layers); i++) {
        struct json_object *d = json_object_array_get_idx(layers, i);
        int fd = json_object_is_type(d, json_type_object) ? open_blob(l, d)
                                                          : bad(l, "a layer makes no sense");
        if (fd < 0)
            return -1;
        snprintf(shown, sizeof(shown), "%.400s: layer %zu", l->path, i + 1);
        int rc = input_tar(t, fd, shown, spool, spooled, (uint32_t)i + 1, l->err);
        close(fd);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int take_config(const struct layout *l, struct json_object *manifest, char **text)
{
    struct json_object *d = json_object_object_get(manifest, "config");
    struct image_config config;

    if (!d || !json_object_is_type(d, json_type_object))
        return 0;
    int fd = open_blob(l, d);
    char *blob = fd < 0 ? NULL : read_text(l, fd);
    if (fd >= 0)
        close(fd);
    if (!blob)
        return -1;
    int rc = image_config_parse_oci(&config, blob, l->err);
    free(blob);
    if (rc < 0)
        return -1;
    *text = image_config_text(&config);
    image_config_free(&config);
    return 0;
}

int input_oci(struct tree *t, const char *path, int spool, uint64_t *spooled, char **config,
              struct image_error *err)
{
    struct layout l = {open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, err};
    int fd = l.dir < 0 ? -1 : openat(l.dir, "index.json", O_RDONLY | O_CLOEXEC);
    struct json_object *index = NULL, *manifest = NULL;
    int rc = -1;

    err->text[0] = 0;
    *config = NULL;
    if (fd < 0)
        image_fail(err, errno, "%s/index.json", path);
    else
        index = read_json(&l, fd);
    if (index)
        manifest = find_manifest(&l, index, INDEX_DEEP);
    if (manifest && take_layers(&l, manifest, t, spool, spooled) == 0)
        rc = take_config(&l, manifest, config);
    json_object_put(manifest);
    json_object_put(index);
    if (fd >= 0)
        close(fd);
    if (l.dir >= 0)
        close(l.dir);
    return rc;
}
