/* bailey image import, export, tag, ls, info, rm, verify, gc: the store. */
#define _GNU_SOURCE
#include "image.h"
#include "complain.h"
#include "image/build.h"
#include "image/file.h"
#include "image/input.h"
#include "image/layers.h"
#include "image/store.h"
#include "image/walls.h"
#include "image/transport.h"
#include "image_root.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int done(int rc, const struct image_error *err)
{
    if (rc < 0)
        return complain_image(err);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

static int usage(const char *name, const char *how)
{
    char what[64], hint[128];

    snprintf(what, sizeof(what), "image %s", name);
    snprintf(hint, sizeof(hint), "bailey image %s", how);
    return complain(what, hint, "it is used in another way");
}

/* ---- import, export, tag ------------------------------------------------------------------- */

/* A layer alone can't be run. */
static int check_layers(const struct store *s, const char *file, struct image_error *err)
{
    struct erofs_file f;
    char path[STORE_PATH];
    int rc = erofs_file_open(&f, file, err);

    if (rc < 0)
        return rc;
    for (uint32_t n = f.part_count; n-- > 1 && rc == 0;) {
        store_image_path(s, f.parts[n].digest, path);
        if (access(path, F_OK) == 0)
            continue;
        rc = image_fail(err, 0, "image import: what it was made from, image %s, is not here",
                        f.parts[n].digest);
        image_hint(err, "import that one first");
    }
    erofs_file_close(&f);
    return rc;
}

static int import_file(const struct store *s, int from, char digest[DIGEST_TEXT],
                       struct image_error *err)
{
    char file[STORE_PATH];

    store_temporary(s, file);
    int to = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return image_fail(err, errno, "%s", file);
    int rc = transport_packed(from) ? transport_unpack(from, to, err) : copy_file(from, to, err);
    if (rc == 0 && fsync(to) < 0)
        rc = image_fail(err, errno, "%s", file);
    close(to);
    if (rc == 0)
        rc = check_layers(s, file, err);
    if (rc == 0)
        rc = store_take(s, file, digest, err);
    if (rc < 0)
        unlink(file);
    return rc;
}

int image_command_import(int argc, char **argv)
{
    struct image_error err = {0};
    char digest[DIGEST_TEXT];
    struct store s;

    if (argc < 2 || argc > 3 || argv[1][0] == '-')
        return usage("import", "import FILE [NAME]");
    if (argc == 3 && !store_tag_ok(argv[2]))
        return complain(argv[2], "use letters, digits, _ . : -", "no name for an image");
    int from = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return complain_errno(argv[1], errno, NULL);
    int rc = store_open(&s, true, &err);
    if (rc == 0) {
        image_walls(&s, NULL);
        rc = import_file(&s, from, digest, &err);
    }
    close(from);
    if (rc == 0 && argc == 3)
        rc = store_set_tag(&s, argv[2], digest, &err);
    if (rc == 0)
        printf("%s\n", digest);
    return done(rc, &err);
}

struct export_settings {
    int level;
    bool plain, layer;
};

static int take_level(void *context, const char *shown, const char *value)
{
    uint64_t level;

    if (!parse_number(value, 1, 19, &level))
        return complain(shown, NULL, "'%s' is not a number from 1 to 19", value);
    ((struct export_settings *)context)->level = (int)level;
    return 0;
}

OPTION_SWITCH(plain, struct export_settings, plain)
OPTION_SWITCH(layer, struct export_settings, layer)

const struct option_def image_export_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_VALUE, 'l', "level", "N", "how hard to compress, 1 to 19 (default: 9)", take_level},
    {OPTION_FLAG, 0, "plain", NULL, "not at all: a file that can be run", take_plain},
    {OPTION_FLAG, 0, "layer", NULL,
     "of a layered image its own file only, without what it is made on", take_layer},
    {.kind = OPTION_HEADING},
};

/* One file with everything in it, in the directory of `target`; *made says that there is one
 * beside `from`. */
static int flatten(const char *from, const char *target, char *whole, size_t size, bool *made,
                   struct image_error *err)
{
    struct image_build build = {.input = from};
    struct erofs_file f;

    *made = false;
    if (erofs_file_open(&f, from, err) < 0)
        return -1;
    bool layered = f.part_count > 1;
    erofs_file_close(&f);
    if (!layered)
        return 0;
    if (snprintf(whole, size, "%s.whole-%d", target, (int)getpid()) >= (int)size)
        return image_fail(err, ENAMETOOLONG, "%s", target);
    *made = true;
    return image_build(&build, whole, err);
}

static int export_file(const char *from, const char *target, const struct export_settings *set,
                       struct image_error *err)
{
    struct new_file file;

    if (set->plain)
        return copy_to_new_file(from, target, err);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return image_fail(err, errno, "%s", from);
    int rc = new_file_open(&file, target, err);
    if (rc == 0)
        rc = transport_pack(in, file.fd, set->level, err);
    if (rc == 0)
        rc = new_file_commit(&file, target, 0644, err);
    new_file_drop(&file);
    close(in);
    return rc;
}

int image_command_export(int argc, char **argv)
{
    struct export_settings set = {.level = 9};
    char path[STORE_PATH], whole[STORE_PATH], digest[DIGEST_TEXT];
    struct image_error err = {0};
    struct store s;
    char *words[2];
    int count;

    int code = image_parse(image_export_options, argc, argv, &set, words, 2, &count);
    if (code)
        return code;
    if (count != 2)
        return usage("export", "export IMAGE FILE");
    int rc = store_open(&s, false, &err);
    if (rc == 0)
        rc = store_find(&s, words[0], path, digest, &err);
    bool made = false;
    if (rc == 0 && !set.layer)
        rc = flatten(path, words[1], whole, sizeof(whole), &made, &err);
    if (rc == 0)
        rc = export_file(made ? whole : path, words[1], &set, &err);
    if (made)
        unlink(whole);
    return done(rc, &err);
}

int image_command_tag(int argc, char **argv)
{
    char path[STORE_PATH], digest[DIGEST_TEXT];
    struct image_error err = {0};
    struct store s;

    if (argc != 3)
        return usage("tag", "tag IMAGE NAME");
    int rc = store_open(&s, true, &err);
    if (rc == 0)
        rc = store_find(&s, argv[1], path, digest, &err);
    if (rc == 0 && !digest[0]) {
        image_fail(&err, 0, "%s: not in the store", argv[1]);
        rc = image_hint(&err, "bailey image import FILE NAME");
    }
    if (rc == 0)
        rc = store_set_tag(&s, argv[2], digest, &err);
    return done(rc, &err);
}

/* ---- ls, rm, gc ---------------------------------------------------------------------------------
 */

static int take_json(void *context, const char *shown, const char *value)
{
    (void)shown;
    (void)value;
    *(bool *)context = true;
    return 0;
}

const struct option_def image_ls_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_FLAG, 0, "json", NULL, "as an array of objects", take_json},
    {.kind = OPTION_HEADING},
};

static void print_json(const struct store_entry *list, size_t count)
{
    struct json_object *all = need(json_object_new_array());

    for (size_t i = 0; i < count; i++) {
        struct json_object *o = need(json_object_new_object());
        if (list[i].tag[0])
            json_object_object_add(o, "name", json_object_new_string(list[i].tag));
        json_object_object_add(o, "digest", json_object_new_string(list[i].digest));
        json_object_object_add(o, "size", json_object_new_int64((int64_t)list[i].size));
        if (list[i].base[0])
            json_object_object_add(o, "base", json_object_new_string(list[i].base));
        json_object_object_add(o, "created", json_object_new_int64(list[i].time));
        json_object_array_add(all, o);
    }
    puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
    json_object_put(all);
}

static void print_list(const struct store_entry *list, size_t count)
{
    if (count)
        printf("%-24s %-14s %10s  %-16s  %s\n", "NAME", "DIGEST", "SIZE", "CREATED", "MADE ON");
    for (size_t i = 0; i < count; i++) {
        char when[32] = "", size[32] = "missing";
        time_t t = (time_t)list[i].time;
        struct tm tm;
        if (list[i].size && localtime_r(&t, &tm)) {
            strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
            snprintf(size, sizeof(size), "%.1f MB", (double)list[i].size / 1e6);
        }
        printf("%-24s %-14.12s %10s  %-16s  %.12s\n", list[i].tag[0] ? list[i].tag : "-",
               list[i].digest, size, when, list[i].base);
    }
}

int image_command_ls(int argc, char **argv)
{
    struct image_error err = {0};
    struct store_entry *list;
    bool json = false;
    struct store s;
    size_t count;
    int rest;

    int code = options_parse(image_ls_options, "image ls", argc, argv, &json, &rest);
    if (code)
        return code;
    if (rest != argc)
        return usage("ls", "ls");
    int rc = store_open(&s, false, &err);
    if (rc == 0)
        rc = store_list(&s, &list, &count, &err);
    if (rc == 0) {
        if (json)
            print_json(list, count);
        else
            print_list(list, count);
        free(list);
    }
    return done(rc, &err);
}

/* A name goes; an image goes if it is named by its digest, with all its names. */
static int remove_one(const struct store *s, const char *ref, struct image_error *err)
{
    char path[STORE_PATH], digest[DIGEST_TEXT];
    struct store_entry *list;
    size_t count;

    int rc = store_remove_tag(s, ref, err);
    if (rc <= 0)
        return rc;
    if (store_find(s, ref, path, digest, err) < 0 || !digest[0]) {
        image_fail(err, 0, "image %s: not in the store", ref);
        return image_hint(err, "bailey image ls shows what there is");
    }
    rc = store_list(s, &list, &count, err);
    const struct store_entry *layer = rc == 0 ? store_made_from(s, list, count, digest) : NULL;
    if (layer) {
        rc = image_fail(err, 0, "image %s: image %s is made on it", ref,
                        layer->tag[0] ? layer->tag : layer->digest);
        image_hint(err, "remove that first, or flatten it: bailey image export --plain");
    }
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (list[i].tag[0] && strcmp(list[i].digest, digest) == 0)
            rc = store_remove_tag(s, list[i].tag, err);
    free(list);
    return rc == 0 ? store_remove(s, digest, err) : rc;
}

int image_command_rm(int argc, char **argv)
{
    struct image_error err = {0};
    struct store s;

    if (argc < 2)
        return usage("rm", "rm IMAGE...");
    int rc = store_open(&s, false, &err);
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = remove_one(&s, argv[i], &err);
    return done(rc, &err);
}

int image_command_gc(int argc, char **argv)
{
    uint64_t images = 0, bytes = 0;
    struct image_error err = {0};
    struct store s;

    (void)argv;
    if (argc != 1)
        return usage("gc", "gc");
    int rc = store_open(&s, false, &err);
    if (rc == 0)
        rc = store_gc(&s, &images, &bytes, &err);
    if (rc == 0)
        printf("%" PRIu64 " images, %.1f MB\n", images, (double)bytes / 1e6);
    return done(rc, &err);
}

/* ---- info, verify -------------------------------------------------------------------------------
 */

static void print_info(const struct image_root *r)
{
    struct json_object *o = need(json_object_new_object()), *config;
    struct image_error ignored;
    char uuid[33], *text = NULL;

    for (int i = 0; i < 16; i++)
        snprintf(uuid + 2 * i, 3, "%02x", r->file.super.uuid[i]);
    json_object_object_add(o, "file", json_object_new_string(r->path));
    json_object_object_add(o, "digest", json_object_new_string(r->digest));
    json_object_object_add(o, "size", json_object_new_int64((int64_t)r->file.file_size));
    json_object_object_add(o, "inodes", json_object_new_int64((int64_t)r->file.super.inodes));
    json_object_object_add(o, "uuid", json_object_new_string(uuid));
    if (r->file.part_count > 1) {
        struct json_object *layers = need(json_object_new_array());
        for (uint32_t n = 1; n < r->file.part_count; n++)
            json_object_array_add(layers, json_object_new_string(r->file.parts[n].digest));
        json_object_object_add(o, "layers", layers);
    }
    erofs_file_config(&r->file, &text, &ignored);
    config = text ? json_tokener_parse(text) : NULL;
    if (config)
        json_object_object_add(o, "config", config);
    free(text);
    puts(json_object_to_json_string_ext(o,
                                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

int image_command_info(int argc, char **argv)
{
    struct image_root r = {0};

    if (argc != 2)
        return usage("info", "info IMAGE");
    int code = image_root_open(&r, argv[1]);
    if (!code)
        print_info(&r);
    image_root_close(&r);
    return code ? code : fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

/* Goes through everything in the image the way a build from it would. */
static int verify_structure(const char *path, struct image_error *err)
{
    struct erofs_file file;
    struct tree tree;
    uint64_t spooled = 0;
    char *config = NULL;
    int spool = memfd_create("verify", MFD_CLOEXEC);

    tree_init(&tree);
    int rc = erofs_file_open(&file, path, err);
    if (rc == 0)
        rc = layers_add(&file, true, NULL, err);
    if (rc == 0)
        rc = erofs_file_config(&file, &config, err);
    if (rc == 0)
        rc = input_image(&tree, &file, spool, &spooled, err);
    tree_free(&tree);
    erofs_file_close(&file);
    free(config);
    close(spool);
    return rc;
}

static int verify_one(const struct store *s, const char *ref, struct image_error *err)
{
    char path[STORE_PATH], expected[DIGEST_TEXT], digest[DIGEST_TEXT];

    if (store_find(s, ref, path, expected, err) < 0 ||
        store_digest(s, path, expected, true, digest, err) < 0 || verify_structure(path, err) < 0)
        return -1;
    printf("%s: ok, %s\n", ref, digest);
    return 0;
}

int image_command_verify(int argc, char **argv)
{
    struct image_error err = {0};
    struct store s;

    if (argc < 2)
        return usage("verify", "verify IMAGE...");
    int rc = store_open(&s, true, &err);
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = verify_one(&s, argv[i], &err);
    return done(rc, &err);
}
