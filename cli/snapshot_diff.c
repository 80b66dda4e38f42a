/* bailey snapshot diff: which pages and which metadata differ.
 *
 * The ranges of both files are walked together; each step is a stretch that lies in a
 * range of one or of both.  Where it lies in both, the pages are compared. */
#include "snapshot.h"

#include "complain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

enum verdict { SAME, CHANGED, ONLY_A, ONLY_B, VERDICTS };
static const char *const verdict_names[] = {"same", "changed", "only_first", "only_second"};

struct side {
    struct snapshot_reader *r;
    uint32_t at;
    struct snapshot_range range; /* what is left of the current one */
    bool there;
    uint8_t *bytes; /* PIECE */
};

struct comparison {
    struct side a, b;
    bool ranges, differ;
    struct json_object *objects; /* array */
    struct json_object *object, *pieces;
    uint32_t number; /* of `object` */
    uint64_t pages[VERDICTS];
    uint64_t run_from, run_to; /* the stretch that goes on, of run_verdict */
    enum verdict run_verdict;
};

static void next(struct side *s) { s->there = snapshot_next_range(s->r, &s->at, &s->range); }

static void cut(struct side *s, uint64_t len)
{
    s->range.offset += len;
    s->range.len -= len;
    if (s->range.len == 0)
        next(s);
}

/* ---- what is found ---- */

static void end_run(struct comparison *c)
{
    char text[80];

    if (c->pieces && c->run_to > c->run_from && c->run_verdict != SAME) {
        snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64 " %s", c->run_from, c->run_to,
                 verdict_names[c->run_verdict]);
        if (json_object_array_add(c->pieces, need(json_object_new_string(text))) < 0)
            need(NULL);
    }
    c->run_from = c->run_to = 0;
}

static void end_object(struct comparison *c)
{
    end_run(c);
    for (int i = 0; c->object && i < VERDICTS; i++) {
        json_put(c->object, verdict_names[i], json_object_new_uint64(c->pages[i]));
        c->differ |= i != SAME && c->pages[i];
        c->pages[i] = 0;
    }
    c->object = c->pieces = NULL;
}

static void begin_object(struct comparison *c, uint32_t number)
{
    char name[32];

    c->object = need(json_object_new_object());
    c->number = number;
    json_put_text(c->object, "name", snapshot_object_name(number, name));
    if (c->ranges) {
        c->pieces = need(json_object_new_array());
        json_put(c->object, "ranges", c->pieces);
    }
    if (json_object_array_add(c->objects, c->object) < 0)
        need(NULL);
}

static void found(struct comparison *c, uint32_t object, uint64_t offset, uint64_t len,
                  enum verdict verdict)
{
    if (c->object && c->number != object)
        end_object(c);
    if (!c->object)
        begin_object(c, object);
    c->pages[verdict] += len / SNAPSHOT_PAGE;
    if (c->run_to != offset || c->run_verdict != verdict) {
        end_run(c);
        c->run_from = offset;
        c->run_verdict = verdict;
    }
    c->run_to = offset + len;
}

/* ---- the walk ---- */

/* A stretch that both have. */
static int compare(struct comparison *c, uint64_t len)
{
    uint32_t object = c->a.range.object;
    uint64_t offset = c->a.range.offset;
    struct snapshot_error err = {0};

    if (c->a.range.where == SNAPSHOT_ZERO && c->b.range.where == SNAPSHOT_ZERO) {
        found(c, object, offset, len, SAME);
        return 0;
    }
    for (uint64_t at = 0; at < len; at += PIECE) {
        size_t n = len - at < PIECE ? (size_t)(len - at) : PIECE;
        if (snapshot_read_pages(c->a.r, object, offset + at, c->a.bytes, n, &err) < 0 ||
            snapshot_read_pages(c->b.r, object, offset + at, c->b.bytes, n, &err) < 0)
            return snapshot_complain(&err);
        for (size_t i = 0; i < n; i += SNAPSHOT_PAGE)
            found(c, object, offset + at + i, SNAPSHOT_PAGE,
                  memcmp(c->a.bytes + i, c->b.bytes + i, SNAPSHOT_PAGE) ? CHANGED : SAME);
    }
    return 0;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* -1: a begins first; 1: b does; 0: they begin together. */
static int order(const struct side *a, const struct side *b)
{
    if (!a->there || !b->there)
        return a->there ? -1 : 1;
    if (a->range.object != b->range.object)
        return a->range.object < b->range.object ? -1 : 1;
    return a->range.offset < b->range.offset ? -1 : a->range.offset > b->range.offset;
}

/* The front of s is only there: up to the begin of the other's range. */
static void only(struct comparison *c, struct side *s, const struct side *other,
                 enum verdict verdict)
{
    uint64_t len = s->range.len;

    if (other->there && other->range.object == s->range.object)
        len = least(len, other->range.offset - s->range.offset);
    found(c, s->range.object, s->range.offset, len, verdict);
    cut(s, len);
}

static int compare_pages(struct comparison *c)
{
    int rc = 0;

    next(&c->a);
    next(&c->b);
    while (rc == 0 && (c->a.there || c->b.there)) {
        int first = order(&c->a, &c->b);
        if (first < 0) {
            only(c, &c->a, &c->b, ONLY_A);
        } else if (first > 0) {
            only(c, &c->b, &c->a, ONLY_B);
        } else {
            uint64_t len = least(c->a.range.len, c->b.range.len);
            rc = compare(c, len);
            cut(&c->a, len);
            cut(&c->b, len);
        }
    }
    end_object(c);
    return rc;
}

/* ---- metadata ---- */

static void add_meta(struct comparison *c, struct json_object *list, const char *key,
                     enum verdict verdict)
{
    struct json_object *o = need(json_object_new_object());

    json_put_text(o, "key", key);
    json_put_text(o, "what", verdict_names[verdict]);
    if (json_object_array_add(list, o) < 0)
        need(NULL);
    c->differ = true;
}

static struct json_object *compare_metas(struct comparison *c)
{
    struct json_object *list = need(json_object_new_array());
    size_t len, other_len;
    const char *key;

    for (uint32_t i = 0; i < snapshot_info(c->a.r)->metas; i++) {
        const void *bytes = snapshot_meta_at(c->a.r, i, &key, &len);
        const void *other = snapshot_meta(c->b.r, key, &other_len);
        if (!other)
            add_meta(c, list, key, ONLY_A);
        else if (len != other_len || memcmp(bytes, other, len) != 0)
            add_meta(c, list, key, CHANGED);
    }
    for (uint32_t i = 0; i < snapshot_info(c->b.r)->metas; i++) {
        snapshot_meta_at(c->b.r, i, &key, &len);
        if (!snapshot_meta(c->a.r, key, &len))
            add_meta(c, list, key, ONLY_B);
    }
    return list;
}

/* ---- printing ---- */

static void print_object(struct json_object *o)
{
    struct json_object *value, *name, *ranges;

    json_object_object_get_ex(o, "name", &name);
    printf("memory  %-12s", json_object_get_string(name));
    for (int i = 0; i < VERDICTS; i++) {
        json_object_object_get_ex(o, verdict_names[i], &value);
        printf("%s%" PRIu64 " %s", i ? ", " : "", json_object_get_uint64(value),
               i == ONLY_A   ? "only in the first"
               : i == ONLY_B ? "only in the second"
                             : verdict_names[i]);
    }
    puts(" (pages)");
    if (json_object_object_get_ex(o, "ranges", &ranges))
        for (size_t i = 0; i < json_object_array_length(ranges); i++)
            printf("        %s\n", json_object_get_string(json_object_array_get_idx(ranges, i)));
}

static void print(struct json_object *objects, struct json_object *metas)
{
    struct json_object *key, *what;

    for (size_t i = 0; i < json_object_array_length(metas); i++) {
        struct json_object *o = json_object_array_get_idx(metas, i);
        json_object_object_get_ex(o, "key", &key);
        json_object_object_get_ex(o, "what", &what);
        printf("meta    %-12s%s\n", json_object_get_string(key), json_object_get_string(what));
    }
    for (size_t i = 0; i < json_object_array_length(objects); i++)
        print_object(json_object_array_get_idx(objects, i));
}

static int show(const struct snapshot_settings *s, struct comparison *c)
{
    struct json_object *metas = compare_metas(c);

    if (s->json) {
        struct json_object *o = need(json_object_new_object());
        json_put(o, "metadata", metas);
        json_put(o, "memory", json_object_get(c->objects));
        json_put(o, "differ", json_object_new_boolean(c->differ));
        if (json_show(o))
            return CLI_FAILED;
    } else {
        print(c->objects, metas);
        json_object_put(metas);
    }
    return fflush(stdout) == 0 ? c->differ : CLI_FAILED;
}

int snapshot_command_diff(const struct snapshot_settings *s, int argc, char **argv)
{
    struct comparison c = {.ranges = s->ranges};
    int code = CLI_FAILED;

    (void)argc;
    c.a.r = snapshot_open(argv[0], &s->read);
    c.b.r = c.a.r ? snapshot_open(argv[1], &s->read) : NULL;
    if (c.b.r) {
        c.a.bytes = need(malloc(PIECE));
        c.b.bytes = need(malloc(PIECE));
        c.objects = need(json_object_new_array());
        code = compare_pages(&c);
        if (code == 0)
            code = show(s, &c);
        json_object_put(c.objects);
        free(c.a.bytes);
        free(c.b.bytes);
    }
    snapshot_reader_close(c.a.r);
    snapshot_reader_close(c.b.r);
    return code;
}
