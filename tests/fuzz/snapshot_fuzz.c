/* Fuzzes the reader of snapshot files.  The input is a file, as hostile as it likes; since
 * digests would keep nearly every change from getting anywhere, they are made to fit first,
 * as somebody who builds a file on purpose would.  With -DWITH_LIBFUZZER it is a libFuzzer
 * target; otherwise main() changes the files of a corpus in many ways.
 *
 *   snapshot_fuzz CORPUS [ROUNDS [SEED]]
 *   snapshot_fuzz --make CORPUS      writes the corpus anew
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../snapshot/internal.h"

enum { INPUT_MAX = 1 << 16 };

/* ---- the target ---- */

/* Sizes, offsets and digests as a writer would have left them, where they can be made out. */
static void repair(uint8_t *file, size_t size)
{
    struct header *header = (struct header *)file;
    struct trailer trailer;

    if (size < sizeof(*header) + sizeof(trailer))
        return;
    memcpy(&trailer, file + size - sizeof(trailer), sizeof(trailer));
    memcpy(header->magic, HEADER_MAGIC, 8);
    memcpy(trailer.magic, TRAILER_MAGIC, 8);
    header->version = FORMAT_VERSION;
    trailer.file_size = size;
    if (trailer.index_offset > size - sizeof(trailer))
        return;
    trailer.index_stored = (uint32_t)(size - sizeof(trailer) - trailer.index_offset);
    if (trailer.index_method == METHOD_RAW)
        trailer.index_plain = trailer.index_stored;
    uint8_t *index = file + trailer.index_offset;
    struct index_head head;
    if (trailer.index_method == METHOD_RAW && trailer.index_stored >= sizeof(head)) {
        memcpy(&head, index, sizeof(head));
        for (uint64_t i = 0; i < head.frames &&
                             sizeof(head) + (i + 1) * sizeof(struct frame) <= trailer.index_stored;
             i++) {
            struct frame frame;
            uint8_t *at = index + sizeof(head) + i * sizeof(frame);
            memcpy(&frame, at, sizeof(frame));
            if (frame.offset > size || frame.stored > size - frame.offset)
                continue;
            snapshot_digest(frame.digest, file + frame.offset, frame.stored);
            memcpy(at, &frame, sizeof(frame));
        }
    }
    snapshot_digest(trailer.index_digest, index, trailer.index_stored);
    root_digest(trailer.root, header, &trailer);
    memcpy(file + size - sizeof(trailer), &trailer, sizeof(trailer));
}

static int touch(void *context, uint32_t object, uint64_t offset, const void *data, uint64_t len)
{
    unsigned *sum = context;

    if (offset % SNAPSHOT_PAGE || len % SNAPSHOT_PAGE || offset + len > SNAPSHOT_OFFSET_MAX)
        abort();
    for (uint64_t i = 0; data && i < len; i += 64)
        *sum += ((const uint8_t *)data)[i];
    return 0;
}

/* Anything may be asked for. */
static uint32_t any_frame(void *context)
{
    unsigned *sum = context;

    return *sum % 3 ? *sum % 64 : SNAPSHOT_NO_FRAME;
}

static void no_matter(void *context) {}

static void use_parts(struct snapshot_reader *r, unsigned *sum)
{
    const uint32_t frames = snapshot_info(r)->frames, start[] = {0, frames / 3, frames / 2};
    const struct snapshot_parts parts = {start, 3, any_frame, no_matter};
    struct snapshot_pieces pieces;
    struct snapshot_error err;

    if (snapshot_pieces_make(&pieces, r, 0, UINT32_MAX, &err))
        return;
    for (size_t i = 1; i < pieces.count; i++)
        if (pieces.list[i].object == pieces.list[i - 1].object &&
            pieces.list[i].offset < pieces.list[i - 1].offset + pieces.list[i - 1].len)
            abort();
    snapshot_load_parts(r, &pieces, touch, &parts, sum, &err);
    snapshot_pieces_free(&pieces);
}

static void use(struct snapshot_reader *r)
{
    static uint8_t buffer[16 * SNAPSHOT_PAGE];
    struct snapshot_error err;
    struct snapshot_range range;
    const char *key, *name, *value;
    unsigned sum = 0;
    uint64_t end = 0;
    uint32_t at = 0, object = 0;
    size_t len;

    for (uint32_t i = 0; i < snapshot_info(r)->metas; i++) {
        const void *bytes = snapshot_meta_at(r, i, &key, &len);
        size_t pair = 0;
        while (snapshot_pairs_next(bytes, len, &pair, &name, &value))
            sum += (unsigned)(strlen(name) + strlen(value));
    }
    for (int i = 0; i < 1000 && snapshot_next_range(r, &at, &range); i++) {
        if (range.object < object || (i && range.object == object && range.offset < end))
            abort();
        object = range.object;
        end = range.offset + range.len;
        snapshot_read_pages(r, object, range.offset, buffer, sizeof(buffer), &err);
    }
    snapshot_load(r, 0, UINT32_MAX, touch, &sum, &err);
    use_parts(r, &sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct snapshot_read_options how = {.threads = 1, .no_base = true},
                                              lazy = {.threads = 1, .no_base = true, .lazy = true};
    static uint8_t file[INPUT_MAX];
    static int fd = -1;
    struct snapshot_error err;

    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
        crypto_ready(&err);
    }
    if (size > sizeof(file))
        size = sizeof(file);
    memcpy(file, data, size);
    for (int pass = 0; pass < 2; pass++) {
        if (ftruncate(fd, (off_t)size) < 0 || pwrite(fd, file, size, 0) != (ssize_t)size)
            abort();
        struct snapshot_reader *r = snapshot_reader_open_fd(fd, "it", pass ? &lazy : &how, &err);
        if (r)
            use(r);
        snapshot_reader_close(r);
        repair(file, size);
    }
    return 0;
}

#ifndef WITH_LIBFUZZER
#include "../random.h"

/* ---- the corpus ---- */

/* The index as it is, so that changes in it mean something. */
static void unpack_index(uint8_t *file, size_t *size)
{
    struct trailer trailer;

    memcpy(&trailer, file + *size - sizeof(trailer), sizeof(trailer));
    if (trailer.index_method == METHOD_ZSTD) {
        static uint8_t plain[INPUT_MAX];
        ZSTD_decompress(plain, sizeof(plain), file + trailer.index_offset, trailer.index_stored);
        memcpy(file + trailer.index_offset, plain, trailer.index_plain);
        trailer.index_method = METHOD_RAW;
        *size = trailer.index_offset + trailer.index_plain + sizeof(trailer);
        memcpy(file + *size - sizeof(trailer), &trailer, sizeof(trailer));
    }
    repair(file, *size);
}

static void make_one(const char *directory, const char *name, bool raw,
                     const struct snapshot_write_options *o)
{
    static uint8_t file[INPUT_MAX], pages[3 * SNAPSHOT_PAGE];
    struct snapshot_error err;
    char path[4096];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    struct snapshot_writer *w = snapshot_writer_open(path, o, &err);
    pages[0] = pages[2 * SNAPSHOT_PAGE] = 1;
    if (!w || snapshot_put_pages(w, SNAPSHOT_SEGMENT, 0x3000, pages, sizeof(pages), &err) ||
        snapshot_put_pages(w, SNAPSHOT_SPACE(0), 0x400000, pages, sizeof(pages), &err) ||
        snapshot_put_meta(w, "config", "argv\0true", 10, &err) ||
        snapshot_put_meta(w, "cpu", "feature\0avx2", 13, &err) || snapshot_finish(w, NULL, &err))
        abort();
    int fd = open(path, O_RDWR);
    fstat(fd, &st);
    size_t size = (size_t)st.st_size;
    if (pread(fd, file, size, 0) != st.st_size)
        abort();
    if (raw)
        unpack_index(file, &size);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, file, size, 0) != (ssize_t)size)
        abort();
    close(fd);
}

static int make_corpus(const char *directory)
{
    make_one(directory, "packed", false, &(struct snapshot_write_options){0});
    make_one(directory, "raw-index", true, &(struct snapshot_write_options){0});
    make_one(directory, "warm", true, &(struct snapshot_write_options){.warm = true});
    char path[4096];
    snprintf(path, sizeof(path), "%s/packed", directory);
    make_one(directory, "increment", true, &(struct snapshot_write_options){.base = path});
    return 0;
}

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t size;
};

static struct input *corpus;
static size_t corpus_count;

static int read_corpus(const char *directory)
{
    DIR *d = opendir(directory);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        int fd = openat(dirfd(d), e->d_name, O_RDONLY);
        corpus = reallocarray(corpus, corpus_count + 1, sizeof(*corpus));
        ssize_t n = read(fd, corpus[corpus_count].bytes, INPUT_MAX);
        close(fd);
        if (n > 0)
            corpus[corpus_count++].size = (size_t)n;
    }
    if (d)
        closedir(d);
    return corpus_count ? 0 : -1;
}

/* ---- changes ---- */

/* Most of the file is zeros of the header: the ends are what matters. */
static size_t somewhere(const struct input *in)
{
    if (below(8) == 0)
        return below(in->size);
    if (below(4) == 0)
        return below(in->size < 144 ? in->size : 144);
    size_t tail = in->size < 800 ? in->size : 800;
    return in->size - 1 - below(tail);
}

static void put_number(struct input *in)
{
    static const uint64_t odd[] = {0,          1,           0xff,        0x100,      0x1000,
                                   0xfffff000, 0xffffffff,  0xfffffffe,  1ULL << 47, 1ULL << 48,
                                   1ULL << 63, ~0ULL,       0x7fffffff,  0x80000000, 256,
                                   257,        0xfffffff0u, 0x100000000, 48,         24};
    uint64_t value = below(3) ? odd[below(sizeof(odd) / sizeof(odd[0]))] : below(1 << 16);
    size_t width = 1ULL << below(4), at = somewhere(in) & ~(width - 1);

    if (at + width <= in->size)
        memcpy(in->bytes + at, &value, width);
}

static void change(struct input *in)
{
    size_t at = somewhere(in), from = somewhere(in), n = below(64) + 1;

    switch (below(6)) {
    case 0:
        in->bytes[at] ^= (uint8_t)(1 << below(8));
        break;
    case 1: /* a piece goes elsewhere */
        if (at + n <= in->size && from + n <= in->size)
            memmove(in->bytes + at, in->bytes + from, n);
        break;
    case 2: /* cut out */
        if (in->size > 300 && at + n < in->size) {
            memmove(in->bytes + at, in->bytes + at + n, in->size - at - n);
            in->size -= n;
        }
        break;
    case 3: /* put in */
        if (in->size + n <= INPUT_MAX) {
            memmove(in->bytes + at + n, in->bytes + at, in->size - at);
            in->size += n;
        }
        break;
    default:
        put_number(in);
    }
}

int main(int argc, char **argv)
{
    static struct input in;

    if (argc == 3 && strcmp(argv[1], "--make") == 0)
        return make_corpus(argv[2]);
    if (argc < 2 || read_corpus(argv[1]) < 0) {
        fprintf(stderr, "snapshot_fuzz: no corpus\n");
        return 2;
    }
    long rounds = argc > 2 ? atol(argv[2]) : 20000;
    random_state = argc > 3 ? strtoull(argv[3], NULL, 0) | 1 : 0x9e3779b97f4a7c15;
    for (long i = 0; i < rounds; i++) {
        in = corpus[below(corpus_count)];
        for (uint64_t n = i < (long)corpus_count ? 0 : 1 + below(4); n > 0; n--)
            change(&in);
        LLVMFuzzerTestOneInput(in.bytes, in.size);
    }
    printf("ok - %ld snapshots\n", rounds);
    free(corpus);
    return 0;
}
#endif
