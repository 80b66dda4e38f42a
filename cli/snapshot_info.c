/* bailey snapshot info and ls.
 *
 * Both make one JSON object, which is printed as it is with --json and line by line
 * otherwise, so that neither form can know more than the other.  All text in it went
 * through clean_text. */
#include "snapshot.h"

#include "complain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void put_hex(struct json_object *to, const char *name, const uint8_t *bytes, size_t len)
{
    char hex[65];

    snapshot_hex(bytes, len, hex);
    json_put_text(to, name, hex);
}

static void put_number(struct json_object *to, const char *name, uint64_t n)
{
    json_put(to, name, json_object_new_uint64(n));
}

static void put_time(struct json_object *to, int64_t ns)
{
    char text[64] = "?";
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_put_text(to, "created", text);
}

static struct json_object *describe_file(const struct snapshot_reader *r, const char *path)
{
    const struct snapshot_info *info = snapshot_info(r);
    struct json_object *o = need(json_object_new_object());

    json_put_text(o, "file", path);
    put_number(o, "format", info->version);
    put_number(o, "size", info->file_size);
    put_time(o, info->created);
    put_hex(o, "digest", info->digest, 32);
    put_hex(o, "id", info->id, 16);
    put_number(o, "abi", info->abi_version);
    put_hex(o, "image", info->image, 32);
    json_put(o, "warm", json_object_new_boolean(info->warm));
    json_put(o, "encrypted", json_object_new_boolean(info->encrypted));
    json_put(o, "self_contained", json_object_new_boolean(info->self_contained));
    if (info->is_signed)
        put_hex(o, "signer", info->signer, 32);
    if (info->incremental) {
        json_put_text(o, "base", info->base_name);
        put_hex(o, "base_digest", info->base, 32);
    }
    put_number(o, "pages", info->pages);
    put_number(o, "zero_pages", info->zero_pages);
    put_number(o, "base_pages", info->base_pages);
    return o;
}

/* Adds the pairs of one metadata, if it is there and in order. */
static void add_pairs(const struct snapshot_reader *r, const char *key, struct json_object *to)
{
    size_t len;
    const void *bytes = snapshot_meta(r, key, &len);
    struct json_object *pairs = bytes ? pairs_to_json(bytes, len) : NULL;

    if (pairs)
        json_put(to, key, pairs);
}

static struct json_object *describe_memory(const struct snapshot_reader *r, bool ranges)
{
    static const char *const where[] = {"pages", "zero_pages", "base_pages"};
    struct json_object *list = need(json_object_new_array()), *object = NULL, *pieces = NULL;
    uint64_t counts[3] = {0};
    struct snapshot_range range;
    uint32_t at = 0, last = 0;
    char name[32], text[64];

    while (snapshot_next_range(r, &at, &range)) {
        if (!object || range.object != last) {
            object = need(json_object_new_object());
            memset(counts, 0, sizeof(counts));
            json_put_text(object, "name", snapshot_object_name(range.object, name));
            if (ranges) {
                pieces = need(json_object_new_array());
                json_put(object, "ranges", pieces);
            }
            if (json_object_array_add(list, object) < 0)
                need(NULL);
            last = range.object;
        }
        counts[range.where] += range.len / SNAPSHOT_PAGE;
        for (int i = 0; i < 3; i++)
            put_number(object, where[i], counts[i]);
        if (!ranges)
            continue;
        snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64 " %s", range.offset,
                 range.offset + range.len,
                 range.where == SNAPSHOT_IN_FRAME ? "here"
                 : range.where == SNAPSHOT_ZERO   ? "zero"
                                                  : "base");
        if (json_object_array_add(pieces, need(json_object_new_string(text))) < 0)
            need(NULL);
    }
    return list;
}

/* ---- as lines ---- */

static void print_size(uint64_t bytes)
{
    if (bytes < 10000)
        printf("%" PRIu64 " bytes", bytes);
    else if (bytes < 10000000)
        printf("%.1f kB", (double)bytes / 1e3);
    else
        printf("%.1f MB", (double)bytes / 1e6);
}

static const char *text_of(struct json_object *o, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

static uint64_t number_of(struct json_object *o, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(o, name, &value) ? json_object_get_uint64(value) : 0;
}

static bool is_set(struct json_object *o, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(o, name, &value) && json_object_get_boolean(value);
}

static void print_pages(struct json_object *o)
{
    uint64_t base = number_of(o, "base_pages"), zero = number_of(o, "zero_pages");

    print_size(number_of(o, "pages") * SNAPSHOT_PAGE);
    if (base) {
        fputs(", in the base ", stdout);
        print_size(base * SNAPSHOT_PAGE);
    }
    if (zero) {
        fputs(", zero ", stdout);
        print_size(zero * SNAPSHOT_PAGE);
    }
    putchar('\n');
}

/* All values of a name in one line: "argv  python3 x.py". */
static void print_joined(struct json_object *pairs, const char *name, const char *title)
{
    struct json_object *list;

    if (!json_object_object_get_ex(pairs, name, &list))
        return;
    printf("%-12s", title);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        printf("%s%s", i ? " " : "", json_object_get_string(json_object_array_get_idx(list, i)));
    putchar('\n');
}

static void print_counts(struct json_object *summary)
{
    bool first = true;

    printf("%-12s", "holds");
    json_object_object_foreach(summary, name, list)
    {
        size_t n = json_object_array_length(list);
        printf("%s%zu %s%s", first ? "" : ", ", n, name,
               n == 1                          ? ""
               : name[strlen(name) - 1] == 's' ? "es"
                                               : "s");
        first = false;
    }
    putchar('\n');
}

static void print_form(struct json_object *o)
{
    printf("%-12s%s%s%s", "form", is_set(o, "warm") ? "warm (uncompressed)" : "compressed",
           is_set(o, "encrypted") ? ", encrypted" : "",
           is_set(o, "self_contained") ? ", self-contained" : "");
    if (*text_of(o, "signer"))
        printf(", signed by %s", text_of(o, "signer"));
    putchar('\n');
    if (*text_of(o, "base_digest"))
        printf("%-12s%s, digest %s\n", "base", text_of(o, "base"), text_of(o, "base_digest"));
}

static void print_info(struct json_object *o)
{
    struct json_object *pairs;

    printf("%-12s%s, ", "file", text_of(o, "file"));
    print_size(number_of(o, "size"));
    printf(", format %" PRIu64 ", saved %s\n", number_of(o, "format"), text_of(o, "created"));
    printf("%-12s%s\n", "digest", text_of(o, "digest"));
    print_form(o);
    printf("%-12s", "memory");
    print_pages(o);
    if (json_object_object_get_ex(o, "config", &pairs)) {
        print_joined(pairs, "name", "name");
        print_joined(pairs, "argv", "command");
        print_joined(pairs, "mount", "mounts");
        print_joined(pairs, "net", "network");
    }
    if (json_object_object_get_ex(o, "cpu", &pairs)) {
        print_joined(pairs, "level", "CPU level");
        print_joined(pairs, "feature", "CPU needs");
        print_joined(pairs, "xsave_size", "XSAVE bytes");
    }
    if (json_object_object_get_ex(o, "kernel", &pairs))
        print_joined(pairs, "release", "kernel");
    if (json_object_object_get_ex(o, "summary", &pairs))
        print_counts(pairs);
}

int snapshot_command_info(const struct snapshot_settings *s, int argc, char **argv)
{
    struct snapshot_read_options how = s->read;

    (void)argc;
    /* Looking is not running: verify checks everything. */
    how.lazy = how.no_base = true;
    struct snapshot_reader *r = snapshot_open(argv[0], &how);
    if (!r)
        return CLI_FAILED;
    struct json_object *o = describe_file(r, argv[0]);
    add_pairs(r, "config", o);
    add_pairs(r, "cpu", o);
    add_pairs(r, "kernel", o);
    add_pairs(r, "summary", o);
    json_put(o, "memory", describe_memory(r, false));
    snapshot_reader_close(r);
    if (s->json)
        return json_show(o);
    print_info(o);
    json_object_put(o);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

static void print_lists(struct json_object *pairs)
{
    json_object_object_foreach(pairs, name, list)
    {
        for (size_t i = 0; i < json_object_array_length(list); i++)
            printf("%-12s%s\n", name, json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

static void print_memory(struct json_object *list)
{
    struct json_object *ranges;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        printf("%-12s%-12s", "memory", text_of(o, "name"));
        print_pages(o);
        if (!json_object_object_get_ex(o, "ranges", &ranges))
            continue;
        for (size_t n = 0; n < json_object_array_length(ranges); n++)
            printf("%-12s%s\n", "", json_object_get_string(json_object_array_get_idx(ranges, n)));
    }
}

int snapshot_command_ls(const struct snapshot_settings *s, int argc, char **argv)
{
    struct json_object *o = need(json_object_new_object()), *part;
    struct snapshot_read_options how = s->read;

    (void)argc;
    how.lazy = how.no_base = true;
    struct snapshot_reader *r = snapshot_open(argv[0], &how);
    if (!r) {
        json_object_put(o);
        return CLI_FAILED;
    }
    add_pairs(r, "summary", o);
    json_put(o, "memory", describe_memory(r, s->ranges));
    snapshot_reader_close(r);
    if (s->json)
        return json_show(o);
    if (json_object_object_get_ex(o, "summary", &part))
        print_lists(part);
    if (json_object_object_get_ex(o, "memory", &part))
        print_memory(part);
    json_object_put(o);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}
