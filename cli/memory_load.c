/* Memory of a snapshot into the objects of a new sandbox (monitor/memory_file.h). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/boot.h"
#include "abi/layout.h"
#include "complain.h"
#include "memory_file.h"
#include "memory_late.h"
#include "memory_places.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static int give_error(struct error *to, const struct snapshot_error *from)
{
    if (!from->text[0])
        return error_set(to, errno, "filling memory");
    error_set(to, 0, "%s", from->text);
    return from->hint[0] ? error_hint(to, "%s", from->hint) : -1;
}

/* ---- segment and pool ---------------------------------------------------------------------- */

struct object {
    int fd;
    uint64_t size;
};

/* Zeros are there already. */
static int load_piece(void *context, uint32_t number, uint64_t offset, const void *data,
                      uint64_t len)
{
    const struct object *o = context;

    if (offset > o->size || len > o->size - offset) {
        errno = EFBIG;
        return -1;
    }
    return data ? write_all_at(o->fd, data, len, offset) : 0;
}

/* What is not in pieces is zero. */
static int fill_pieces(const struct memory_base *b, uint32_t object, int fd, uint64_t size)
{
    for (size_t i = 0; i < b->piece_count; i++) {
        const struct memory_piece *p = &b->pieces[i];
        if (p->object != object)
            continue;
        if (p->offset > size || p->len > size - p->offset) {
            errno = EFBIG;
            return -1;
        }
        if (write_all_at(fd, p->bytes, p->len, p->offset))
            return -1;
    }
    return 0;
}

/* Of the segment, which is asked for first; the pool is filled then as well. */
static int await_filled(struct memory_base *b, uint32_t object, struct error *err)
{
    ssize_t n = 1;
    char byte;

    if (object == MEMORY_SEGMENT) {
        while ((n = read(b->filled[0], &byte, 1)) < 0 && errno == EINTR)
            ;
        close(b->filled[0]); /* or it would be there, with a page, as long as the copy */
        b->filled[0] = -1;
    }
    return n == 1 ? 0 : error_set(err, 0, "filling memory: whoever did it ended");
}

static int source_fill(void *context, uint32_t object, int fd, uint64_t size, struct error *err)
{
    struct object o = {fd, size};
    struct snapshot_error error = {0};

    struct memory_base *b = context;

    if (fd == b->ahead[object])
        return await_filled(b, object, err);
    if (b->pieces)
        return fill_pieces(b, object, fd, size) ? give_error(err, &error) : 0;
    return snapshot_load(b->reader, object, object, load_piece, &o, &error)
               ? give_error(err, &error)
               : 0;
}

/* ---- private memory ------------------------------------------------------------------------ */

int sealed_object_make(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    return fd >= 0 ? fd : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* What several share is closed before the first of them begins, so that nobody has mapped it to
 * write. */
int sealed_object_close(int fd) { return fcntl(fd, F_ADD_SEALS, MEMORY_CLOSED); }

struct filling {
    const struct places *places;
    const int *streams;
};

static int fill_private(void *context, uint32_t object, uint64_t offset, const void *data,
                        uint64_t len)
{
    const struct filling *f = context;

    return places_fill(f->places, f->streams, object, offset, data, len);
}

static int load_pages(struct memory_base *b, const struct places *p, struct snapshot_error *error)
{
    struct filling filling = {p, b->memory.pages};

    if (ftruncate(b->memory.pages[0], (off_t)p->size) < 0 ||
        snapshot_load(b->reader, MEMORY_SPACE(0), MEMORY_SPACE(SPACES_MAX - 1), fill_private,
                      &filling, error))
        return -1;
    return sealed_object_close(b->memory.pages[0]);
}

static int make_streams(struct memory_private *m, uint32_t count)
{
    for (; m->count < count; m->count++) {
        m->pages[m->count] = sealed_object_make("bailey-pages");
        if (m->pages[m->count] < 0)
            return -1;
    }
    m->runs = sealed_object_make("bailey-runs");
    return m->runs < 0 ? -1 : 0;
}

/* boot: pages may come later, and are told there; or NULL. */
static int make_streams_of(struct memory_base *b, struct places *p, struct boot_info *boot,
                           struct snapshot_error *error)
{
    bool late = boot && memory_is_late(p);

    if (!p->in_file && places_cut(p, late ? memory_late_parts(p) : 1))
        return -1;
    if (make_streams(&b->memory, p->in_file ? 0 : p->parts) ||
        places_write_runs(p, b->memory.runs) || sealed_object_close(b->memory.runs))
        return -1;
    if (p->in_file)
        b->memory.pages[b->memory.count++] = snapshot_warm_fd(b->reader);
    else
        return late ? memory_late_start(b, p, boot) : load_pages(b, p, error);
    return 0;
}

static int make_private(struct memory_base *b, struct boot_info *boot, struct snapshot_error *error)
{
    struct places places;
    int rc = places_list(&places, b->reader, b->in_file, error);

    if (rc == 0)
        rc = make_streams_of(b, &places, boot, error);
    places_free(&places);
    return rc;
}

static int source_private(void *context, struct memory_private *memory, struct boot_info *boot,
                          struct error *err)
{
    struct memory_base *b = context;
    struct snapshot_error error = {0};

    boot->pages_state = BOOT_PAGES_THERE;
    if (b->memory.runs < 0 && make_private(b, boot, &error))
        return give_error(err, &error);
    boot->pages_count = b->memory.count;
    *memory = b->memory;
    return 0;
}

/* ---- segment and pool for many ------------------------------------------------------------- */

/* Counts (pieces NULL) or lists the ranges that hold something; their bytes together. */
static uint64_t list_pieces(struct memory_base *b)
{
    struct snapshot_range range;
    uint32_t at = snapshot_find_range(b->reader, MEMORY_SEGMENT, 0);
    uint64_t bytes = 0;

    b->piece_count = 0;
    while (snapshot_next_range(b->reader, &at, &range) && range.object <= MEMORY_POOL) {
        uint64_t in = b->sealed ? range.file_offset : bytes;
        if (range.where == SNAPSHOT_ZERO)
            continue;
        if (b->pieces)
            b->pieces[b->piece_count] = (struct memory_piece){range.object, range.offset, range.len,
                                                              (uint8_t *)b->held + in};
        b->piece_count++;
        bytes += range.len;
    }
    return bytes;
}

/* As load_private. */
static int load_held(void *context, uint32_t object, uint64_t offset, const void *data,
                     uint64_t len)
{
    const struct memory_base *b = context;
    const uint8_t *bytes = data;
    size_t lo = 0, hi = b->piece_count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct memory_piece *p = &b->pieces[mid];
        if (p->object < object || (p->object == object && p->offset + p->len <= offset))
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; data && len && lo < b->piece_count && b->pieces[lo].object == object; lo++) {
        const struct memory_piece *p = &b->pieces[lo];
        if (p->offset > offset)
            return -1;
        uint64_t in = offset - p->offset, part = p->len - in < len ? p->len - in : len;
        memcpy(p->bytes + in, bytes, part);
        bytes += part;
        offset += part;
        len -= part;
    }
    return data && len ? -1 : 0;
}

/* Shared mappings: forking does not copy their page tables. */
static int make_pieces(struct memory_base *b, struct snapshot_error *error)
{
    uint64_t bytes = list_pieces(b);

    b->held_size = b->sealed ? snapshot_info(b->reader)->file_size : bytes + 1;
    if (b->sealed)
        b->held = mmap(NULL, b->held_size, PROT_READ, MAP_SHARED, snapshot_warm_fd(b->reader), 0);
    else
        b->held =
            mmap(NULL, b->held_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    b->pieces = b->held == MAP_FAILED ? NULL : calloc(b->piece_count + 1, sizeof(*b->pieces));
    if (!b->pieces)
        return -1;
    list_pieces(b);
    if (b->sealed)
        return 0;
    return snapshot_load(b->reader, MEMORY_SEGMENT, MEMORY_POOL, load_held, b, error);
}

int memory_base_make(struct memory_base *b, struct error *err)
{
    struct snapshot_error error = {0};

    return make_private(b, NULL, &error) || make_pieces(b, &error) ? give_error(err, &error) : 0;
}

/* ---- segment and pool of the next copy ------------------------------------------------------ */

int memory_ahead_make(struct memory_base *b, struct error *err)
{
    if (pipe2(b->filled, O_CLOEXEC) < 0)
        b->filled[0] = b->filled[1] = -1;
    else if (memory_objects_make(&b->ahead[MEMORY_SEGMENT], &b->ahead[MEMORY_POOL]) == 0)
        return 0;
    error_set(err, errno, "making a copy's memory");
    memory_ahead_forget(b);
    return -1;
}

/* What fails is told by there being no byte. */
void memory_ahead_fill(void *base)
{
    struct memory_base *b = base;

    if (fill_pieces(b, MEMORY_SEGMENT, b->ahead[MEMORY_SEGMENT], SEG_SIZE) ||
        fill_pieces(b, MEMORY_POOL, b->ahead[MEMORY_POOL], POOL_SIZE) ||
        write(b->filled[1], "", 1) != 1)
        complain_errno("filling a copy's memory", errno, NULL);
    memory_ahead_forget(b);
}

void memory_ahead_forget(struct memory_base *b)
{
    int *const fds[] = {&b->ahead[MEMORY_SEGMENT], &b->ahead[MEMORY_POOL], &b->filled[0],
                        &b->filled[1]};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* ---- the source ---------------------------------------------------------------------------- */

static const void *source_note(void *context, const char *key, size_t *len)
{
    return snapshot_meta(((struct memory_base *)context)->reader, key, len);
}

void memory_base_init(struct memory_base *b, struct snapshot_reader *r)
{
    *b = (struct memory_base){.reader = r,
                              .memory.runs = -1,
                              .ahead = {[MEMORY_SEGMENT] = -1, [MEMORY_POOL] = -1},
                              .filled = {-1, -1}};
}

void memory_base_close(struct memory_base *b)
{
    if (b->memory.runs >= 0)
        close(b->memory.runs);
    for (uint32_t i = 0; i < b->memory.count && !b->in_file; i++)
        close(b->memory.pages[i]);
    b->memory = (struct memory_private){.runs = -1};
    if (b->pieces)
        munmap(b->held, b->held_size);
    free(b->pieces);
    b->pieces = NULL;
}

void resume_source(struct memory_source *source, struct memory_base *b)
{
    *source = (struct memory_source){.context = b,
                                     .note = source_note,
                                     .fill = source_fill,
                                     .private_memory = source_private,
                                     .segment_fd = b->ahead[MEMORY_SEGMENT],
                                     .pool_fd = b->ahead[MEMORY_POOL]};
    if (b->memory.runs >= 0)
        source->ready = &b->memory;
    memcpy(source->image, snapshot_info(b->reader)->image, sizeof(source->image));
}
