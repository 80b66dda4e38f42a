/* Snapshots that were harmed, and saves that come to nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#include "../../snapshot/format.h"
#include "../../snapshot/snapshot.h"

enum { PAGE = SNAPSHOT_PAGE };

static char dir[] = "/tmp/bailey-damage-XXXXXX";
static char file[64], key[64], public[64];
static struct snapshot_error err;
static const struct snapshot_write_options plain_write = {.threads = 1};
static const struct snapshot_read_options plain_read = {.threads = 1};

static void put_noise(struct snapshot_writer *w, uint32_t object, size_t pages)
{
    uint8_t page[PAGE];
    uint64_t x = object;

    for (size_t n = 0; n < pages; n++) {
        for (int i = 0; i < PAGE; i++) {
            x = x * 6364136223846793005ULL + 1442695040888963407ULL;
            page[i] = (uint8_t)(x >> 56);
        }
        assert_int_equal(snapshot_put_pages(w, object, n * PAGE, page, PAGE, &err), 0);
    }
}

/* A small one in memory; what stands in the file is returned. */
static uint8_t *small(const struct snapshot_write_options *o, size_t *size)
{
    uint8_t page[PAGE] = "a page that packs well", zero[PAGE] = {0};
    int fd = memfd_create("small", 0);
    struct stat st;

    struct snapshot_writer *w = snapshot_writer_open_fd(fd, "small", o, &err);
    assert_non_null(w);
    assert_int_equal(snapshot_put_meta(w, "config", "argv\0true", 10, &err), 0);
    assert_int_equal(snapshot_put_pages(w, 1, 0x1000, page, PAGE, &err), 0);
    assert_int_equal(snapshot_put_pages(w, 1, 0x2000, zero, PAGE, &err), 0);
    assert_int_equal(snapshot_finish(w, NULL, &err), 0);
    assert_int_equal(fstat(fd, &st), 0);
    *size = (size_t)st.st_size;
    uint8_t *bytes = malloc(*size);
    assert_int_equal(pread(fd, bytes, *size, 0), st.st_size);
    close(fd);
    return bytes;
}

/* Opens bytes as a snapshot: the kind of failure, or 0. */
static int try(int fd, const uint8_t *bytes, size_t size)
{
    if (ftruncate(fd, (off_t)size) < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
        fail();
    memset(&err, 0, sizeof(err));
    struct snapshot_reader *r = snapshot_reader_open_fd(fd, "it", &plain_read, &err);
    snapshot_reader_close(r);
    if (r)
        return 0;
    assert_true(err.kind != 0 && err.text[0] && !strchr(err.text, '\n'));
    return (int)err.kind;
}

static void test_cut_anywhere(void **state)
{
    int fd = memfd_create("cut", 0);
    size_t size;
    uint8_t *bytes = small(&plain_write, &size);

    assert_int_equal(try(fd, bytes, size), 0);
    for (size_t len = 0; len < size; len++)
        assert_int_equal(try(fd, bytes, len), SNAPSHOT_DAMAGED);
    free(bytes);
    bytes = calloc(1, 100000);
    assert_int_equal(try(fd, bytes, 100000), SNAPSHOT_DAMAGED);
    free(bytes);
    close(fd);
}

static void test_appended(void **state)
{
    int fd = memfd_create("more", 0);
    size_t size;
    uint8_t *bytes = small(&plain_write, &size);
    uint8_t *more = calloc(2, size);

    memcpy(more, bytes, size);
    assert_int_equal(try(fd, more, size + 1), SNAPSHOT_DAMAGED);
    memcpy(more + size, bytes, size);
    assert_int_equal(try(fd, more, 2 * size), SNAPSHOT_DAMAGED);
    free(bytes);
    free(more);
    close(fd);
}

static void flip_all(const struct snapshot_write_options *o)
{
    int fd = memfd_create("flip", 0);
    size_t size;
    uint8_t *bytes = small(o, &size);

    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            int kind = try(fd, bytes, size);
            assert_true(kind == SNAPSHOT_DAMAGED || (kind == SNAPSHOT_VERSION && i < 12));
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_int_equal(try(fd, bytes, size), 0);
    free(bytes);
    close(fd);
}

static void test_flipped_anywhere(void **state)
{
    flip_all(&plain_write);
    flip_all(&(struct snapshot_write_options){.sign_key_file = key});
}

static void test_future(void **state)
{
    int fd = memfd_create("future", 0);
    size_t size;
    uint8_t *bytes = small(&plain_write, &size);

    ((struct header *)bytes)->version = FORMAT_VERSION + 1;
    assert_int_equal(try(fd, bytes, size), SNAPSHOT_VERSION);
    assert_non_null(strstr(err.text, "format 2"));
    free(bytes);
    close(fd);
}

/* Frames of equal size change places. */
static void test_reordered(void **state)
{
    static const struct snapshot_write_options forms[] = {{.warm = true},
                                                          {.encrypt_key_file = key}};

    for (int i = 0; i < 2; i++) {
        int fd = memfd_create("order", 0);
        struct snapshot_writer *w = snapshot_writer_open_fd(fd, "order", &forms[i], &err);
        struct snapshot_read_options how = {.key_file = key, .lazy = true};
        put_noise(w, 1, 2 * FRAME_PAGES);
        assert_int_equal(snapshot_finish(w, NULL, &err), 0);
        struct snapshot_reader *r = snapshot_reader_open_fd(fd, "order", &how, &err);
        assert_non_null(r);
        uint8_t *bytes = malloc(2 * (FRAME_BYTES + 16));
        size_t frame = FRAME_BYTES + (i ? 16 : 0);
        assert_int_equal(pread(fd, bytes, 2 * frame, 4096), 2 * frame);
        assert_int_equal(pwrite(fd, bytes + frame, frame, 4096), frame);
        assert_int_equal(pwrite(fd, bytes, frame, 4096 + (off_t)frame), frame);
        /* Found when it is used, or before. */
        assert_int_equal(snapshot_read_pages(r, 1, 0, bytes, PAGE, &err), -1);
        assert_int_equal(err.kind, SNAPSHOT_DAMAGED);
        snapshot_reader_close(r);
        how.lazy = false;
        assert_null(snapshot_reader_open_fd(fd, "order", &how, &err));
        assert_int_equal(err.kind, SNAPSHOT_DAMAGED);
        free(bytes);
        close(fd);
    }
}

/* ---- saves that fail ---- */

static int entries(void)
{
    DIR *d = opendir(dir);
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void write_file(size_t pages)
{
    struct snapshot_writer *w = snapshot_writer_open(file, &plain_write, &err);

    assert_non_null(w);
    put_noise(w, 1, pages);
    assert_int_equal(snapshot_finish(w, NULL, &err), 0);
}

static void expect_file(size_t pages)
{
    struct snapshot_reader *r = snapshot_reader_open(file, &plain_read, &err);

    assert_non_null(r);
    assert_int_equal(snapshot_info(r)->pages, pages);
    snapshot_reader_close(r);
}

/* Puts until it fails; what the file held before must stand. */
static void expect_full(const char *path, int number)
{
    struct snapshot_writer *w = snapshot_writer_open(path, &plain_write, &err);
    uint8_t *noise = malloc(FRAME_BYTES);
    int rc = w ? 0 : -1;

    for (size_t i = 0; i < FRAME_BYTES; i++)
        noise[i] = (uint8_t)(i * i >> 8 ^ (i * 2654435761u) >> 13);
    for (uint64_t i = 0; rc == 0 && i < 10; i++) {
        noise[0]++;
        rc = snapshot_put_pages(w, 1, i * FRAME_BYTES, noise, FRAME_BYTES, &err);
    }
    if (rc == 0)
        rc = snapshot_finish(w, NULL, &err);
    else
        snapshot_abandon(w);
    free(noise);
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, SNAPSHOT_SYSTEM);
    assert_int_equal(err.number, number);
}

static void test_full_disk(void **state)
{
    const struct rlimit small = {1 << 18, RLIM_INFINITY};
    const struct rlimit large = {RLIM_INFINITY, RLIM_INFINITY};

    write_file(3);
    int before = entries();
    setrlimit(RLIMIT_FSIZE, &small);
    expect_full(file, EFBIG);
    setrlimit(RLIMIT_FSIZE, &large);
    expect_full("/dev/full", ENOSPC);
    assert_int_equal(entries(), before);
    expect_file(3);
}

static void test_no_place(void **state)
{
    assert_null(snapshot_writer_open("/nonexistent/a", &plain_write, &err));
    assert_int_equal(err.number, ENOENT);
    assert_null(snapshot_writer_open(dir, &plain_write, &err));
    assert_int_equal(err.number, EISDIR);
    assert_null(snapshot_reader_open(dir, &plain_read, &err));
    assert_null(snapshot_reader_open("/dev/null", &plain_read, &err));
    assert_int_equal(err.kind, SNAPSHOT_DAMAGED);
}

static void test_killed(void **state)
{
    int ready[2];
    char byte;

    write_file(3);
    int before = entries();
    for (int after = 1; after < 4; after++) {
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            struct snapshot_writer *w = snapshot_writer_open(file, &plain_write, &err);
            put_noise(w, 1, (size_t)after * 300);
            if (write(ready[1], "x", 1) == 1)
                pause();
            _exit(0);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        close(ready[1]);
        expect_file(3);
    }
    /* Where files can be without a name, nothing is left either. */
    int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
    if (fd >= 0)
        assert_int_equal(entries(), before);
    close(fd);
}

static void test_replaced(void **state)
{
    write_file(3);
    write_file(5);
    expect_file(5);
    struct snapshot_writer *w = snapshot_writer_open(file, &plain_write, &err);
    put_noise(w, 1, 7);
    expect_file(5); /* not before it is finished */
    snapshot_abandon(w);
    expect_file(5);
}

static void test_misuse(void **state)
{
    static const uint8_t page[2 * PAGE] = {1};
    struct snapshot_writer *w = snapshot_writer_open(file, &plain_write, &err);

    assert_int_equal(snapshot_put_pages(w, 1, 100, page, PAGE, &err), -1);
    assert_int_equal(snapshot_put_pages(w, 1, 0, page, 100, &err), -1);
    assert_int_equal(snapshot_put_pages(w, 1, SNAPSHOT_OFFSET_MAX, page, PAGE, &err), -1);
    assert_int_equal(snapshot_put_pages(w, 1, SNAPSHOT_OFFSET_MAX - PAGE, page, sizeof(page), &err),
                     -1);
    assert_int_equal(snapshot_put_unchanged(w, 1, 0, PAGE, &err), -1);
    assert_int_equal(snapshot_put_meta(w, "", "x", 1, &err), -1);
    assert_int_equal(snapshot_put_meta(w, "UP", "x", 1, &err), -1);
    assert_int_equal(snapshot_put_meta(w, "twice", "x", 1, &err), 0);
    assert_int_equal(snapshot_put_meta(w, "twice", "x", 1, &err), -1);
    snapshot_abandon(w);
    assert_null(snapshot_writer_open(
        file, &(struct snapshot_write_options){.warm = true, .base = file}, &err));
    assert_int_equal(err.kind, SNAPSHOT_MISUSE);
}

static int set_up(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(key, sizeof(key), "%s/key", dir);
    snprintf(public, sizeof(public), "%s/key.pub", dir);
    return snapshot_keygen(key, &err);
}

static int tear_down(void **state)
{
    unlink(file);
    unlink(key);
    unlink(public);
    return rmdir(dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),     cmocka_unit_test(test_appended),
        cmocka_unit_test(test_flipped_anywhere), cmocka_unit_test(test_future),
        cmocka_unit_test(test_reordered),        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_no_place),         cmocka_unit_test(test_killed),
        cmocka_unit_test(test_replaced),         cmocka_unit_test(test_misuse),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
