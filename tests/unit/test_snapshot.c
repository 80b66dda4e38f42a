/* The snapshot file: what is put comes back, whatever the form. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../snapshot/snapshot.h"

enum { PAGE = SNAPSHOT_PAGE };

static char dir[] = "/tmp/bailey-snapshot-XXXXXX";
static struct snapshot_error err;

static char *in_dir(const char *name)
{
    static char paths[4][128];
    static int next;

    next = (next + 1) % 4;
    snprintf(paths[next], sizeof(paths[next]), "%s/%s", dir, name);
    return paths[next];
}

/* Contents that depend on where they are; every seventh page is zero, some compress badly. */
static void fill(uint8_t *page, uint32_t object, uint64_t offset, uint32_t version)
{
    uint64_t n = offset / PAGE;
    uint64_t x = n * 0x9e3779b97f4a7c15ULL + object + version;

    memset(page, 0, PAGE);
    if (n % 7 == 3)
        return;
    for (size_t i = 0; i < (n % 3 ? PAGE : 64); i++) {
        x = x * 6364136223846793005ULL + 1442695040888963407ULL;
        page[i] = (uint8_t)(n % 3 == 1 ? x >> 56 : n + version);
    }
    page[0] = 1;
}

static void put(struct snapshot_writer *w, uint32_t object, uint64_t offset, size_t pages,
                uint32_t version)
{
    uint8_t *bytes = malloc(pages * PAGE);

    for (size_t i = 0; i < pages; i++)
        fill(bytes + i * PAGE, object, offset + i * PAGE, version);
    assert_int_equal(snapshot_put_pages(w, object, offset, bytes, pages * PAGE, &err), 0);
    free(bytes);
}

static void expect(struct snapshot_reader *r, uint32_t object, uint64_t offset, size_t pages,
                   uint32_t version)
{
    uint8_t page[PAGE], *bytes = malloc(pages * PAGE);

    assert_int_equal(snapshot_read_pages(r, object, offset, bytes, pages * PAGE, &err), pages);
    for (size_t i = 0; i < pages; i++) {
        fill(page, object, offset + i * PAGE, version);
        assert_memory_equal(page, bytes + i * PAGE, PAGE);
    }
    free(bytes);
}

static struct snapshot_writer *writer(const char *path, const struct snapshot_write_options *o)
{
    struct snapshot_writer *w = snapshot_writer_open(path, o, &err);

    if (!w)
        fail_msg("%s", err.text);
    return w;
}

static struct snapshot_reader *reader(const char *path, const struct snapshot_read_options *o)
{
    struct snapshot_reader *r = snapshot_reader_open(path, o, &err);

    if (!r)
        fail_msg("%s", err.text);
    return r;
}

static void finish(struct snapshot_writer *w)
{
    if (snapshot_finish(w, NULL, &err))
        fail_msg("%s", err.text);
}

/* Opening must fail in this way. */
static void refused(const char *path, const struct snapshot_read_options *o,
                    enum snapshot_failure kind)
{
    struct snapshot_reader *r = snapshot_reader_open(path, o, &err);

    snapshot_reader_close(r);
    assert_null(r);
    assert_int_equal(err.kind, kind);
    assert_null(strchr(err.text, '\n'));
}

static const struct snapshot_write_options plain_write;
static const struct snapshot_read_options plain_read;

/* Three objects, three pieces of metadata. */
static void put_standard(struct snapshot_writer *w, size_t pages, uint32_t version)
{
    assert_int_equal(snapshot_put_meta(w, "config", "argv\0true", 10, &err), 0);
    put(w, SNAPSHOT_SPACE(1), 0x7ffff7000000, pages, version);
    put(w, SNAPSHOT_SEGMENT, 0, pages, version);
    put(w, SNAPSHOT_SPACE(0), 0x400000, pages / 2, version);
    assert_int_equal(snapshot_put_meta(w, "empty", "", 0, &err), 0);
    put(w, SNAPSHOT_SPACE(0), 0x400000 + (pages / 2 + 5) * PAGE, pages / 2, version);
}

static void expect_standard(struct snapshot_reader *r, size_t pages, uint32_t version)
{
    uint8_t gap[6 * PAGE], page[PAGE];
    size_t len;

    assert_memory_equal(snapshot_meta(r, "config", &len), "argv\0true", 10);
    assert_int_equal(len, 10);
    assert_non_null(snapshot_meta(r, "empty", &len));
    assert_int_equal(len, 0);
    assert_null(snapshot_meta(r, "none", &len));
    expect(r, SNAPSHOT_SPACE(1), 0x7ffff7000000, pages, version);
    expect(r, SNAPSHOT_SEGMENT, 0, pages, version);
    expect(r, SNAPSHOT_SPACE(0), 0x400000, pages / 2, version);
    expect(r, SNAPSHOT_SPACE(0), 0x400000 + (pages / 2 + 5) * PAGE, pages / 2, version);
    assert_int_equal(snapshot_read_pages(r, SNAPSHOT_SPACE(0), 0x400000 + pages / 2 * PAGE, gap,
                                         sizeof(gap), &err),
                     1);
    memset(page, 0, PAGE);
    for (int i = 0; i < 5; i++)
        assert_memory_equal(gap + i * PAGE, page, PAGE);
}

/* ---- round trips ---- */

static void write_standard(const char *name, const struct snapshot_write_options *o, size_t pages,
                           uint32_t version)
{
    struct snapshot_writer *w = writer(in_dir(name), o);

    put_standard(w, pages, version);
    finish(w);
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 2, 300, 3000};

    for (unsigned i = 0; i < 4; i++) {
        for (unsigned threads = 1; threads < 4; threads++) {
            const struct snapshot_write_options o = {.threads = threads, .buffered = threads};
            write_standard("a", &o, sizes[i], 1);
            struct snapshot_reader *r = reader(in_dir("a"), &plain_read);
            if (sizes[i])
                expect_standard(r, sizes[i], 1);
            snapshot_reader_close(r);
        }
    }
}

struct loaded {
    pthread_mutex_t lock;
    uint64_t pages, zeros;
    struct snapshot_reader *r;
};

static int count(void *context, uint32_t object, uint64_t offset, const void *data, uint64_t len)
{
    struct loaded *l = context;
    uint8_t page[PAGE];

    pthread_mutex_lock(&l->lock);
    for (uint64_t at = 0; at < len; at += PAGE) {
        snapshot_read_pages(l->r, object, offset + at, page, PAGE, &err);
        static const uint8_t zero[PAGE];
        if (memcmp(page, data ? (const uint8_t *)data + at : zero, PAGE) == 0)
            l->pages++;
        l->zeros += data == NULL;
    }
    pthread_mutex_unlock(&l->lock);
    return 0;
}

static uint32_t no_wish(void *context) { return SNAPSHOT_NO_FRAME; }

static void no_matter(void *context) {}

/* The same by parts, with what is in bases resolved. */
static void expect_parts(struct snapshot_reader *r, const struct loaded *expected)
{
    struct loaded l = {.r = r};
    struct snapshot_pieces pieces;

    assert_int_equal(snapshot_pieces_make(&pieces, r, 0, UINT32_MAX, &err), 0);
    const uint32_t start[] = {0, pieces.frames / 2};
    const struct snapshot_parts parts = {start, 2, no_wish, no_matter};
    pthread_mutex_init(&l.lock, NULL);
    for (size_t i = 0; i < pieces.count; i++) {
        const struct snapshot_range *p = &pieces.list[i];
        if (p->where == SNAPSHOT_ZERO)
            assert_int_equal(count(&l, p->object, p->offset, NULL, p->len), 0);
        else
            assert_int_equal(p->where, SNAPSHOT_IN_FRAME);
    }
    assert_int_equal(snapshot_load_parts(r, &pieces, count, &parts, &l, &err), 0);
    assert_int_equal(l.pages, expected->pages);
    assert_int_equal(l.zeros, expected->zeros);
    pthread_mutex_destroy(&l.lock);
    snapshot_pieces_free(&pieces);
}

static void expect_load(struct snapshot_reader *r, uint64_t pages)
{
    struct loaded l = {.r = r};

    pthread_mutex_init(&l.lock, NULL);
    assert_int_equal(snapshot_load(r, 0, UINT32_MAX, count, &l, &err), 0);
    assert_int_equal(l.pages, pages);
    expect_parts(r, &l);
    assert_true(l.zeros > 0 && l.zeros < pages);
    pthread_mutex_destroy(&l.lock);
}

/* ---- by parts ---- */

enum { PARTS_FRAMES = 12 };

struct parts_log {
    uint32_t wish, frames[PARTS_FRAMES], count, done;
    pthread_mutex_t lock;
};

static uint32_t wish(void *context) { return ((struct parts_log *)context)->wish; }

static void frame_done(void *context)
{
    __atomic_fetch_add(&((struct parts_log *)context)->done, 1, __ATOMIC_SEQ_CST);
}

static int note_frame(void *context, uint32_t object, uint64_t offset, const void *data,
                      uint64_t len)
{
    struct parts_log *l = context;

    assert_int_equal(len, 256 * PAGE);
    pthread_mutex_lock(&l->lock);
    l->frames[l->count++] = (uint32_t)(offset / len);
    if (l->count == 2)
        l->wish = 9; /* in the last part */
    pthread_mutex_unlock(&l->lock);
    return 0;
}

static void load_parts(unsigned threads, struct parts_log *l)
{
    static const uint32_t start[] = {0, 4, 8};
    const struct snapshot_parts parts = {start, 3, wish, frame_done};
    struct snapshot_reader *r =
        reader(in_dir("a"), &(struct snapshot_read_options){.lazy = true, .threads = threads});

    struct snapshot_pieces pieces;

    *l = (struct parts_log){.wish = 5};
    pthread_mutex_init(&l->lock, NULL);
    assert_int_equal(snapshot_pieces_make(&pieces, r, SNAPSHOT_SPACE(0), SNAPSHOT_SPACE(9), &err),
                     0);
    assert_int_equal(snapshot_load_parts(r, &pieces, note_frame, &parts, l, &err), 0);
    snapshot_pieces_free(&pieces);
    assert_int_equal(l->count, PARTS_FRAMES);
    assert_int_equal(l->done, PARTS_FRAMES);
    pthread_mutex_destroy(&l->lock);
    snapshot_reader_close(r);
}

/* What is asked for comes first; a part always in its own order. */
static void test_parts(void **state)
{
    static const uint32_t expected[] = {4, 5, 8, 9, 10, 11, 0, 1, 2, 3, 6, 7};
    struct snapshot_writer *w = writer(in_dir("a"), &plain_write);
    struct parts_log l;

    uint8_t *bytes = malloc(256 * PAGE);
    for (uint64_t i = 0; i < PARTS_FRAMES; i++) {
        memset(bytes, (int)i + 1, 256 * PAGE);
        assert_int_equal(
            snapshot_put_pages(w, SNAPSHOT_SPACE(0), i * 256 * PAGE, bytes, 256 * PAGE, &err), 0);
    }
    free(bytes);
    finish(w);
    load_parts(1, &l);
    assert_memory_equal(l.frames, expected, sizeof(expected));
    for (unsigned threads = 2; threads < 5; threads++) {
        uint32_t next[] = {0, 4, 8};
        load_parts(threads, &l);
        for (uint32_t i = 0; i < l.count; i++)
            assert_int_equal(l.frames[i], next[l.frames[i] / 4]++);
    }
}

static void test_load(void **state)
{
    write_standard("a", &plain_write, 1000, 1);
    struct snapshot_reader *r = reader(in_dir("a"), &(struct snapshot_read_options){.lazy = true});
    expect_load(r, 3000);
    const struct snapshot_info *info = snapshot_info(r);
    assert_int_equal(info->pages + info->zero_pages, 3000);
    snapshot_reader_close(r);
}

static void test_later_wins(void **state)
{
    enum { PAGES = 2000, ROUNDS = 300 };
    static uint32_t versions[PAGES];
    unsigned seed = 1;

    struct snapshot_writer *w = writer(in_dir("a"), &plain_write);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        size_t from = (size_t)rand_r(&seed) % PAGES, n = (size_t)rand_r(&seed) % 40 + 1;
        if (n > PAGES - from)
            n = PAGES - from;
        put(w, 9, from * PAGE, n, i);
        for (size_t k = from; k < from + n; k++)
            versions[k] = i;
    }
    finish(w);
    struct snapshot_reader *r = reader(in_dir("a"), &plain_read);
    for (size_t i = 0; i < PAGES; i++) {
        uint8_t page[PAGE];
        if (versions[i])
            expect(r, 9, i * PAGE, 1, versions[i]);
        else
            assert_int_equal(snapshot_read_pages(r, 9, i * PAGE, page, PAGE, &err), 0);
    }
    snapshot_reader_close(r);
}

static void test_warm(void **state)
{
    struct snapshot_range range;
    uint64_t seen = 0;
    uint32_t at = 0;

    write_standard("a", &(struct snapshot_write_options){.warm = true}, 600, 1);
    struct snapshot_reader *r = reader(in_dir("a"), &plain_read);
    expect_standard(r, 600, 1);
    while (snapshot_next_range(r, &at, &range)) {
        seen += range.len / PAGE;
        if (range.where != SNAPSHOT_IN_FRAME)
            continue;
        uint8_t *map = mmap(NULL, range.len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
                            snapshot_warm_fd(r), (off_t)range.file_offset);
        assert_ptr_not_equal(map, MAP_FAILED);
        for (uint64_t i = 0; i < range.len; i += PAGE) {
            uint8_t page[PAGE];
            fill(page, range.object, range.offset + i, 1);
            assert_memory_equal(page, map + i, PAGE);
        }
        munmap(map, range.len);
    }
    assert_int_equal(seen, 1800);
    snapshot_reader_close(r);
}

/* Without digests it is for who knows where it comes from; to others it looks changed. */
static void test_unchecked(void **state)
{
    struct snapshot_error e;

    write_standard("a", &(struct snapshot_write_options){.warm = true, .unchecked = true}, 600, 1);
    struct snapshot_reader *r =
        reader(in_dir("a"), &(struct snapshot_read_options){.trusted = true});
    expect_standard(r, 600, 1);
    snapshot_reader_close(r);
    assert_null(snapshot_reader_open(in_dir("a"), &plain_read, &e));
    assert_int_equal(e.kind, SNAPSHOT_DAMAGED);
}

static void *drain_pipe(void *arg)
{
    int *fds = arg;
    char buffer[10000];
    ssize_t n;

    while ((n = read(fds[0], buffer, sizeof(buffer))) > 0)
        if (write(fds[2], buffer, (size_t)n) != n)
            abort();
    return NULL;
}

static void test_pipe(void **state)
{
    int fds[3];
    pthread_t thread;

    assert_int_equal(pipe(fds), 0);
    fds[2] = open(in_dir("copy"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    pthread_create(&thread, NULL, drain_pipe, fds);
    struct snapshot_writer *w = snapshot_writer_open_fd(fds[1], "pipe", &plain_write, &err);
    put_standard(w, 700, 1);
    finish(w);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);

    char command[300];
    snprintf(command, sizeof(command), "cat %s", in_dir("copy"));
    FILE *cat = popen(command, "r");
    struct snapshot_reader *r = snapshot_reader_open_fd(fileno(cat), "cat", &plain_read, &err);
    assert_non_null(r);
    expect_standard(r, 700, 1);
    snapshot_reader_close(r);
    pclose(cat);
    close(fds[2]);
}

/* ---- bases ---- */

static void write_increment(const char *name, const char *base, uint32_t version, const char *key)
{
    const struct snapshot_write_options o = {.base = in_dir(base), .encrypt_key_file = key};
    struct snapshot_writer *w = writer(in_dir(name), &o);

    put(w, 5, 0, 1000, 1);
    put(w, 5, 100 * PAGE, 20, version);
    assert_int_equal(snapshot_put_unchanged(w, 6, 0, 50 * PAGE, &err), 0);
    put(w, 6, 10 * PAGE, 5, version);
    finish(w);
}

static void expect_increment(struct snapshot_reader *r, uint32_t version)
{
    expect(r, 5, 0, 100, 1);
    expect(r, 5, 100 * PAGE, 20, version);
    expect(r, 5, 120 * PAGE, 880, 1);
    expect(r, 6, 0, 10, 1);
    expect(r, 6, 10 * PAGE, 5, version);
    expect(r, 6, 15 * PAGE, 35, 1);
    expect_load(r, 1050);
}

static void write_base(const char *name, const char *key)
{
    struct snapshot_writer *w =
        writer(in_dir(name), &(struct snapshot_write_options){.encrypt_key_file = key});

    put(w, 5, 0, 1000, 1);
    put(w, 6, 0, 50, 1);
    put(w, 7, 0, 500, 1);
    finish(w);
}

static void test_base(void **state)
{
    write_base("base", NULL);
    write_increment("one", "base", 2, NULL);
    write_increment("two", "one", 3, NULL);
    struct snapshot_reader *r = reader(in_dir("two"), &plain_read);
    expect_increment(r, 3);
    assert_true(snapshot_info(r)->incremental);
    assert_true(snapshot_info(r)->pages < 40);
    assert_string_equal(snapshot_info(r)->base_name, "one");
    snapshot_reader_close(r);

    /* Elsewhere, and named. */
    rename(in_dir("one"), in_dir("moved"));
    refused(in_dir("two"), &plain_read, SNAPSHOT_BASE);
    r = reader(in_dir("two"), &(struct snapshot_read_options){.base = in_dir("moved")});
    expect_increment(r, 3);
    snapshot_reader_close(r);
    refused(in_dir("two"), &(struct snapshot_read_options){.base = in_dir("base")}, SNAPSHOT_BASE);

    /* Without it, what it has itself can be read. */
    r = reader(in_dir("two"), &(struct snapshot_read_options){.no_base = true});
    uint8_t page[PAGE];
    expect(r, 6, 10 * PAGE, 1, 3);
    assert_int_equal(snapshot_read_pages(r, 5, 0, page, PAGE, &err), -1);
    assert_int_equal(err.kind, SNAPSHOT_BASE);
    snapshot_reader_close(r);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
    static char key[128], other[128], public[128], other_public[128];

    snprintf(key, sizeof(key), "%s/key", dir);
    snprintf(public, sizeof(public), "%s/key.pub", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    snprintf(other_public, sizeof(other_public), "%s/other.pub", dir);
    assert_int_equal(snapshot_keygen(key, &err), 0);
    assert_int_equal(snapshot_keygen(key, &err), -1);
    assert_int_equal(snapshot_keygen(other, &err), 0);

    write_standard("a", &(struct snapshot_write_options){.encrypt_key_file = key}, 300, 1);
    refused(in_dir("a"), &plain_read, SNAPSHOT_KEY);
    refused(in_dir("a"), &(struct snapshot_read_options){.key_file = other}, SNAPSHOT_KEY);
    refused(in_dir("a"), &(struct snapshot_read_options){.key_file = public}, SNAPSHOT_KEY);
    refused(in_dir("a"),
            &(struct snapshot_read_options){.key_file = key, .signer_key_file = public},
            SNAPSHOT_SIGNATURE);
    struct snapshot_reader *r =
        reader(in_dir("a"), &(struct snapshot_read_options){.key_file = key});
    expect_standard(r, 300, 1);
    snapshot_reader_close(r);
    chmod(key, 0644);
    refused(in_dir("a"), &(struct snapshot_read_options){.key_file = key}, SNAPSHOT_KEY);
    chmod(key, 0600);

    write_standard("b", &(struct snapshot_write_options){.sign_key_file = key}, 300, 1);
    snapshot_reader_close(reader(in_dir("b"), &plain_read));
    snapshot_reader_close(
        reader(in_dir("b"), &(struct snapshot_read_options){.signer_key_file = public}));
    refused(in_dir("b"), &(struct snapshot_read_options){.signer_key_file = other_public},
            SNAPSHOT_SIGNATURE);

    write_base("base", key);
    write_increment("one", "base", 2, key);
    r = reader(in_dir("one"), &(struct snapshot_read_options){.key_file = key});
    expect_increment(r, 2);
    snapshot_reader_close(r);
}

static int set_up(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_load),
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_later_wins),
        cmocka_unit_test(test_warm),       cmocka_unit_test(test_unchecked),
        cmocka_unit_test(test_pipe),       cmocka_unit_test(test_base),
        cmocka_unit_test(test_keys),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
