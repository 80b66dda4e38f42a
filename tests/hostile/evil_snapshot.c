/* evil_snapshot IN OUT SEED: the snapshot IN, whole and with a digest that is right, as
 * somebody would write it who wants to own whoever resumes it: words of its memory, its
 * state, its description and where its pages lie are others. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../abi/boot.h"
#include "../../abi/layout.h"
#include "../../snapshot/snapshot.h"
#include "../random.h"

static struct snapshot_error err;

static uint64_t odd(void)
{
    static const uint64_t values[] = {0,        1,          ~0ULL,      1ULL << 63, 0x7fffffff,
                                      SEG_BASE, IMAGE_BASE, INSIDE_END, USER_MAX,   4096};

    return below(4) ? values[below(10)] : any() >> below(64);
}

static void check(int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static void spoil(uint8_t *bytes, size_t size, unsigned times)
{
    for (; times > 0 && size >= 8; times--) {
        uint64_t v = odd();
        memcpy(bytes + (below(size - 7) & ~7UL), &v, 8);
    }
}

/* "config" gets volumes nobody gave; other texts a byte or two. */
static void put_meta(struct snapshot_writer *w, const char *key, const void *bytes, size_t len)
{
    struct snapshot_pairs more = {0};
    uint8_t *copy = malloc(len + 4096);

    memcpy(copy, bytes, len);
    if (strcmp(key, "config") == 0 && below(4) == 0) {
        snapshot_pairs_add(&more, "volume-host", "%s", getenv("OUTSIDE"));
        snapshot_pairs_add(&more, "volume-guest", "/stolen");
        snapshot_pairs_add(&more, "volume-mode", "rw");
        memcpy(copy + len, more.bytes, more.size);
        len += more.size;
        snapshot_pairs_free(&more);
    } else if (strcmp(key, "state") == 0) {
        if (below(4) == 0)
            spoil(copy, len, 1);
    } else if (below(8) == 0 && len) {
        copy[below(len)] ^= (uint8_t)(1u << below(8));
    }
    check(snapshot_put_meta(w, key, copy, len, &err));
    free(copy);
}

/* Files to be opened before anybody asks: what is nobody's business, and what is no file. */
static void spoil_opened(struct boot_opened *list, size_t room)
{
    static const char *const uris[] = {
        "dir:0/etc/shadow", "dir:0/../etc/passwd", "dir:1/",  "dir:4294967296/x", "host:cpuinfo",
        "tcp:127.0.0.1:22", "publish:0",           "job:0/0", "sockets:",         ""};

    for (size_t i = 0; i < room && i < BOOT_OPENED_MAX; i++) {
        strcpy(list[i].uri, uris[below(sizeof(uris) / sizeof(uris[0]))]);
        if (below(16) == 0)
            memset(list[i].uri, 'x', sizeof(list[i].uri));
        list[i].handle = (int32_t)odd();
    }
}

/* What the monitor wrote at the start and the library OS's globals more than the rest. */
static void put_range(struct snapshot_writer *w, struct snapshot_reader *r,
                      const struct snapshot_range *range)
{
    static uint8_t pages[16 * SNAPSHOT_PAGE];

    for (uint64_t at = 0; at < range->len; at += sizeof(pages)) {
        size_t n = range->len - at < sizeof(pages) ? range->len - at : sizeof(pages);
        uint64_t offset = range->offset + at;
        if (snapshot_read_pages(r, range->object, offset, pages, n, &err) < 0)
            check(-1);
        if (range->object == SNAPSHOT_SEGMENT && offset < SEG_HEAP)
            spoil(pages, n, (unsigned)below(6));
        if (range->object == SNAPSHOT_SEGMENT && offset == SEG_BOOT && below(4) == 0)
            ((struct boot_info *)pages)->opened_count =
                below(8) ? (uint32_t)below(BOOT_OPENED_MAX) : (uint32_t)odd();
        else if (range->object == SNAPSHOT_SEGMENT && offset == BOOT_OPENED && below(4) == 0)
            spoil_opened((struct boot_opened *)pages, n / sizeof(struct boot_opened));
        else if (below(16) == 0)
            spoil(pages, n, 2);
        if (range->object >= SNAPSHOT_SPACE(0) && below(32) == 0)
            offset = below(2) ? INSIDE_BASE + (below(1 << 20) << 12) : below(1ULL << 35) << 12;
        if (offset + n <= SNAPSHOT_OFFSET_MAX)
            check(snapshot_put_pages(w, range->object, offset, pages, n, &err));
    }
}

int main(int argc, char **argv)
{
    const struct snapshot_read_options how = {0};
    struct snapshot_write_options options = {.threads = 1};
    struct snapshot_range range;
    const char *key;
    uint32_t at = 0;
    size_t len;

    if (argc != 4)
        return 2;
    random_seed(strtoul(argv[3], NULL, 0));
    struct snapshot_reader *r = snapshot_reader_open(argv[1], &how, &err);
    check(r ? 0 : -1);
    options.self_contained = snapshot_info(r)->self_contained;
    options.abi_version = snapshot_info(r)->abi_version;
    memcpy(options.image, snapshot_info(r)->image, sizeof(options.image));
    struct snapshot_writer *w = snapshot_writer_open(argv[2], &options, &err);
    check(w ? 0 : -1);
    for (uint32_t i = 0; i < snapshot_info(r)->metas; i++) {
        const void *bytes = snapshot_meta_at(r, i, &key, &len);
        put_meta(w, key, bytes, len);
    }
    while (snapshot_next_range(r, &at, &range))
        put_range(w, r, &range);
    snapshot_reader_close(r);
    check(snapshot_finish(w, NULL, &err));
    return 0;
}
