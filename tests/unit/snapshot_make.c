/* Makes small snapshots for tests of the command line.
 *
 *   snapshot_make FILE VERSION [base FILE] [encrypt KEY] [sign KEY] [warm] [hostile] [feature NAME]
 *
 * Ten pages of a segment and ten of space 0, of which page VERSION and the config differ
 * from version to version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../snapshot/snapshot.h"

static struct snapshot_error err;
static const char *feature;

static void check(int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static void put_pairs(struct snapshot_writer *w, const char *key, struct snapshot_pairs *pairs)
{
    check(snapshot_put_meta(w, key, pairs->bytes, pairs->size, &err));
    snapshot_pairs_free(pairs);
}

static void put_metas(struct snapshot_writer *w, int version, bool hostile)
{
    struct snapshot_pairs pairs = {0};

    snapshot_pairs_add(&pairs, "argv", "sleep");
    snapshot_pairs_add(&pairs, "argv", "%d", version);
    put_pairs(w, "config", &pairs);
    snapshot_pairs_add(&pairs, "feature", "sse4_2");
    snapshot_pairs_add(&pairs, "feature", "avx2");
    if (feature)
        snapshot_pairs_add(&pairs, "feature", "%s", feature);
    snapshot_pairs_add(&pairs, "xsave_size", "832");
    put_pairs(w, "cpu", &pairs);
    snapshot_pairs_add(&pairs, "process", "1 0 sleep");
    snapshot_pairs_add(&pairs, "process", "2 1 %s", hostile ? "\033[2J\n\xff\u202e" : "cat");
    snapshot_pairs_add(&pairs, "stream", "0 pipe");
    put_pairs(w, "summary", &pairs);
    if (hostile)
        check(snapshot_put_meta(w, "kernel", "not\0pairs", 9, &err));
}

int main(int argc, char **argv)
{
    static uint8_t pages[10 * SNAPSHOT_PAGE];
    struct snapshot_write_options o = {0};
    bool hostile = false;

    if (argc < 3)
        return 2;
    int version = atoi(argv[2]);
    for (int i = 3; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "warm") == 0)
            o.warm = true;
        else if (strcmp(argv[i], "hostile") == 0)
            hostile = true;
        else if (strcmp(argv[i++], "base") == 0)
            o.base = value;
        else if (strcmp(argv[i - 1], "feature") == 0)
            feature = value;
        else if (strcmp(argv[i - 1], "encrypt") == 0)
            o.encrypt_key_file = value;
        else
            o.sign_key_file = value;
    }
    struct snapshot_writer *w = snapshot_writer_open(argv[1], &o, &err);
    check(w ? 0 : -1);
    for (int i = 0; i < 10; i++)
        pages[(size_t)i * SNAPSHOT_PAGE] = (uint8_t)(i == version ? 100 + version : i);
    check(snapshot_put_pages(w, SNAPSHOT_SEGMENT, 0, pages, sizeof(pages), &err));
    check(snapshot_put_pages(w, SNAPSHOT_SPACE(0), 0x400000, pages, sizeof(pages), &err));
    put_metas(w, version, hostile);
    check(snapshot_finish(w, NULL, &err));
    return 0;
}
