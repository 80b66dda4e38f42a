/* bailey snapshot: looking at snapshot files and making keys for them. */
#include "snapshot.h"

#include "clean_text.h"
#include "commands.h"
#include "complain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- shared by the parts ---- */

int snapshot_complain(const struct snapshot_error *err)
{
    return complain_text(err->text, err->hint[0] ? err->hint : NULL);
}

struct snapshot_reader *snapshot_open(const char *path, const struct snapshot_read_options *how)
{
    struct snapshot_error err = {0};
    struct snapshot_reader *r = snapshot_reader_open(path, how, &err);

    if (!r)
        snapshot_complain(&err);
    return r;
}

const char *snapshot_object_name(uint32_t object, char *buffer)
{
    if (object == SNAPSHOT_SEGMENT || object == SNAPSHOT_POOL)
        return object == SNAPSHOT_SEGMENT ? "segment" : "pool";
    if (object >> 28 == 1 || object >> 28 == 2)
        snprintf(buffer, 32, "%s %u", object >> 28 == 1 ? "space" : "file", object & 0xfffffff);
    else
        snprintf(buffer, 32, "object 0x%x", object);
    return buffer;
}

void snapshot_hex(const uint8_t *bytes, size_t len, char *hex)
{
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

void json_put(struct json_object *to, const char *name, struct json_object *value)
{
    if (json_object_object_add(need(to), name, need(value)) < 0)
        need(NULL);
}

void json_put_text(struct json_object *to, const char *name, const char *text)
{
    char *clean = clean_text(text, strlen(text));

    json_put(to, name, json_object_new_string(clean));
    free(clean);
}

int json_show(struct json_object *object)
{
    puts(need((void *)json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE)));
    json_object_put(object);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

struct json_object *pairs_to_json(const void *bytes, size_t len)
{
    struct json_object *object = need(json_object_new_object()), *list;
    const char *name, *value;
    size_t at = 0;

    while (snapshot_pairs_next(bytes, len, &at, &name, &value)) {
        char *clean_name = clean_text(name, strlen(name));
        char *clean = clean_text(value, strlen(value));
        if (!json_object_object_get_ex(object, clean_name, &list)) {
            list = need(json_object_new_array());
            json_put(object, clean_name, list);
        }
        if (json_object_array_add(list, need(json_object_new_string(clean))) < 0)
            need(NULL);
        free(clean_name);
        free(clean);
    }
    if (at == len)
        return object;
    json_object_put(object);
    return NULL;
}

/* ---- verify ---- */

static int look(void *context, uint32_t object, uint64_t offset, const void *data, uint64_t len)
{
    (void)context;
    (void)object;
    (void)offset;
    (void)data;
    (void)len;
    return 0;
}

/* Digests of everything, then every frame unpacked, and the bases too. */
static int command_verify(const struct snapshot_settings *s, int argc, char **argv)
{
    struct snapshot_error err = {0};
    char digest[65], signer[65];

    (void)argc;
    struct snapshot_reader *r = snapshot_open(argv[0], &s->read);
    if (!r)
        return CLI_FAILED;
    int rc = snapshot_load(r, 0, UINT32_MAX, look, NULL, &err);
    const struct snapshot_info *info = snapshot_info(r);
    snapshot_hex(info->digest, sizeof(info->digest), digest);
    snapshot_hex(info->signer, sizeof(info->signer), signer);
    if (rc == 0 && s->json) {
        struct json_object *object = need(json_object_new_object());
        json_put_text(object, "file", argv[0]);
        json_put_text(object, "digest", digest);
        if (info->is_signed)
            json_put_text(object, "signer", signer);
        json_put(object, "good", json_object_new_boolean(true));
        rc = json_show(object);
    } else if (rc == 0) {
        char *name = clean_text(argv[0], strlen(argv[0]));
        printf("%s: good, %" PRIu64 " bytes, digest %s%s%s\n", name, info->file_size, digest,
               info->is_signed ? ", signed by " : "", info->is_signed ? signer : "");
        free(name);
        rc = fflush(stdout) == 0 ? 0 : CLI_FAILED;
    } else {
        rc = snapshot_complain(&err);
    }
    snapshot_reader_close(r);
    return rc;
}

static int command_keygen(const struct snapshot_settings *s, int argc, char **argv)
{
    struct snapshot_error err = {0};

    (void)s;
    (void)argc;
    return snapshot_keygen(argv[0], &err) < 0 ? snapshot_complain(&err) : 0;
}

/* ---- the command ---- */

OPTION_SWITCH(json, struct snapshot_settings, json)
OPTION_SWITCH(ranges, struct snapshot_settings, ranges)

static int take_key(void *context, const char *shown, const char *value)
{
    (void)shown;
    ((struct snapshot_settings *)context)->read.key_file = value;
    return 0;
}

static int take_signer(void *context, const char *shown, const char *value)
{
    (void)shown;
    ((struct snapshot_settings *)context)->read.signer_key_file = value;
    return 0;
}

static int take_base(void *context, const char *shown, const char *value)
{
    (void)shown;
    ((struct snapshot_settings *)context)->read.base = value;
    return 0;
}

const struct option_def snapshot_options[] = {
    {OPTION_HEADING, 0, NULL, NULL, "Options", NULL},
    {OPTION_FLAG, 0, "json", NULL, "answer in JSON", take_json},
    {OPTION_FLAG, 0, "ranges", NULL, "addresses too (ls, diff)", take_ranges},
    {OPTION_VALUE, 0, "key", "FILE", "secret key of an encrypted snapshot", take_key},
    {OPTION_VALUE, 0, "signer", "FILE.pub", "refuse what this key has not signed", take_signer},
    {OPTION_VALUE, 0, "base", "FILE", "where the base is, if not beside it", take_base},
    {.kind = OPTION_HEADING},
};

const char snapshot_notes[] =
    "  info FILE     what it is and what it needs\n"
    "  ls FILE       processes, files, streams and memory in it\n"
    "  verify FILE   check every byte (and those of its bases)\n"
    "  diff A B      pages and metadata that differ; exit code 1 if any do\n"
    "  keygen FILE   make FILE, which encrypts and signs, and FILE.pub, which checks\n"
    "FILE - is standard input.\n";

static const struct {
    const char *name;
    int files;
    int (*run)(const struct snapshot_settings *s, int argc, char **argv);
} actions[] = {
    {"info", 1, snapshot_command_info}, {"ls", 1, snapshot_command_ls},
    {"verify", 1, command_verify},      {"diff", 2, snapshot_command_diff},
    {"keygen", 1, command_keygen},
};

int command_snapshot(int argc, char **argv)
{
    static const char hint[] = "see bailey snapshot --help";
    struct snapshot_settings s = {0};
    int rest = 1;

    if (argc < 2)
        return complain("snapshot", hint, "say what to do: info, ls, verify, diff or keygen");
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(argv[1], actions[i].name) != 0)
            continue;
        int code = options_parse(snapshot_options, "snapshot", argc - 1, argv + 1, &s, &rest);
        if (code)
            return code;
        argc -= rest + 1;
        argv += rest + 1;
        if (argc != actions[i].files)
            return complain(actions[i].name, hint, "needs %s",
                            actions[i].files == 1 ? "one file" : "two files");
        return actions[i].run(&s, argc, argv);
    }
    return complain(argv[1], hint, "snapshots can't do that");
}
