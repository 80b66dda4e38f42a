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

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define SPACES_MAX 65536u

static int give_error(struct error *to, const struct snapshot_error *from)
{
    if (!from->text[0])
        return error_set(to, errno, "filling memory");
    error_set(to, 0, "%s", from->text);
    return from->hint[0] ? error_hint(to, "%s", from->hint) : -1;
}

static int write_all(int fd, const uint8_t *data, uint64_t len, uint64_t offset)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return 0;
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
    return data ? write_all(o->fd, data, len, offset) : 0;
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
        if (write_all(fd, p->bytes, p->len, p->offset))
            return -1;
    }
    return 0;
}

static int source_fill(void *context, uint32_t object, int fd, uint64_t size, struct error *err)
{
    struct object o = {fd, size};
    struct snapshot_error error = {0};

    const struct memory_base *b = context;

    if (b->pieces)
        return fill_pieces(b, object, fd, size) ? give_error(err, &error) : 0;
    return snapshot_load(b->reader, object, object, load_piece, &o, &error)
               ? give_error(err, &error)
               : 0;
}

/* ---- private memory: the streams struct boot_space describes ----------------------------- */

struct place {
    uint64_t addr, len, at;
    uint64_t order; /* in which its pages come from the file */
};
struct layout {
    struct memory_base *base;
    uint32_t spaces;      /* with something in them */
    bool in_file;         /* its pages are mapped from the snapshot itself */
    struct place *places; /* of all spaces, by space and address */
    uint64_t *first;      /* of each space, and one more */
    uint64_t size;        /* of the stream of pages */
};

static uint64_t place_range(struct layout *l, const struct snapshot_range *range)
{
    uint64_t at = l->size;

    if (range->where == SNAPSHOT_ZERO)
        return BOOT_RUN_ZERO;
    if (l->in_file)
        return range->file_offset;
    l->size += range->len;
    return at;
}

/* Counts (places NULL) or lists the ranges of private memory. */
static uint64_t list_places(struct layout *l)
{
    const struct snapshot_reader *r = l->base->reader;
    struct snapshot_range range;
    uint32_t at = snapshot_find_range(r, MEMORY_SPACE(0), 0), space = 0;
    uint64_t count = 0;

    while (snapshot_next_range(r, &at, &range) && range.object < MEMORY_SPACE(SPACES_MAX)) {
        uint32_t n = range.object - MEMORY_SPACE(0);
        if (!l->places) {
            l->spaces = n + 1;
        } else {
            while (space <= n)
                l->first[space++] = count;
            l->places[count] =
                (struct place){range.offset, range.len, place_range(l, &range), range.order};
        }
        count++;
    }
    while (l->places && space <= l->spaces)
        l->first[space++] = count;
    return count;
}

static int by_order(const void *a, const void *b)
{
    const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

    return x->order != y->order ? (x->order < y->order ? -1 : 1) : x < y ? -1 : x > y;
}

/* The stream has the pages in the order in which they come, so that it can grow. */
static int order_places(struct layout *l, uint64_t count)
{
    struct place **list = calloc(count + 1, sizeof(*list));
    uint64_t at = 0, n = 0;

    if (!list)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        if (l->places[i].at != BOOT_RUN_ZERO)
            list[n++] = &l->places[i];
    if (!l->in_file)
        qsort(list, n, sizeof(*list), by_order);
    for (uint64_t i = 0; i < n && !l->in_file; i++) {
        list[i]->at = at;
        at += list[i]->len;
    }
    free(list);
    return 0;
}

/* There is an entry for every space there could be: those without memory are zeros. */
static int write_runs(const struct layout *l)
{
    uint64_t total = l->first[l->spaces], runs = SPACES_MAX * sizeof(struct boot_space);
    struct boot_space *spaces = calloc(l->spaces + 1, sizeof(*spaces));
    struct boot_run *list = calloc(total + 1, sizeof(*list));
    int rc = -1;

    if (spaces && list) {
        for (uint32_t n = 0; n < l->spaces; n++)
            spaces[n] = (struct boot_space){runs + l->first[n] * sizeof(*list),
                                            l->first[n + 1] - l->first[n]};
        for (uint64_t i = 0; i < total; i++)
            list[i] = (struct boot_run){l->places[i].addr, l->places[i].len, l->places[i].at};
        rc = ftruncate(l->base->runs, (off_t)runs) ||
             write_all(l->base->runs, (void *)spaces, l->spaces * sizeof(*spaces), 0) ||
             write_all(l->base->runs, (void *)list, total * sizeof(*list), runs);
    }
    free(spaces);
    free(list);
    return rc;
}

/* A piece may lie across several ranges. */
static int load_private(void *context, uint32_t object, uint64_t offset, const void *data,
                        uint64_t len)
{
    const struct layout *l = context;
    uint32_t n = object - MEMORY_SPACE(0);
    const uint8_t *bytes = data;

    if (n >= l->spaces || !data)
        return n >= l->spaces ? -1 : 0;
    uint64_t lo = l->first[n], hi = l->first[n + 1];
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (l->places[mid].addr + l->places[mid].len <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; len && lo < l->first[n + 1] && l->places[lo].addr <= offset; lo++) {
        uint64_t in = offset - l->places[lo].addr, part = l->places[lo].len - in;
        if (part > len)
            part = len;
        if (write_all(l->base->pages, bytes, part, l->places[lo].at + in))
            return -1;
        bytes += part;
        offset += part;
        len -= part;
    }
    return len ? -1 : 0;
}

int sealed_object_make(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    return fd >= 0 ? fd : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int sealed_object_close(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

static int load_pages(struct layout *l, struct snapshot_error *error)
{
    l->base->pages = sealed_object_make("bailey-pages");
    if (l->base->pages < 0 || ftruncate(l->base->pages, (off_t)l->size) < 0)
        return -1;
    if (snapshot_load(l->base->reader, MEMORY_SPACE(0), MEMORY_SPACE(SPACES_MAX - 1), load_private,
                      l, error))
        return -1;
    return sealed_object_close(l->base->pages);
}

/* ---- pages that come while the sandbox runs ------------------------------------------------ */

/* Less comes at once. */
#define LATE_MIN (16UL << 20)

struct late {
    struct layout *layout;
    struct boot_info *boot;
};

static void tell(struct boot_info *boot, uint32_t state)
{
    __atomic_store_n(&boot->pages_state, state, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&boot->pages_progress, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &boot->pages_progress, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Pages of the base do not come in the order of this file. */
static bool can_be_late(const struct layout *l)
{
    return l->size >= LATE_MIN && !snapshot_info(l->base->reader)->incremental;
}

static int load_late_piece(void *context, uint32_t object, uint64_t offset, const void *data,
                           uint64_t len)
{
    return load_private(((struct late *)context)->layout, object, offset, data, len);
}

static void load_late_done(void *context)
{
    tell(((struct late *)context)->boot, BOOT_PAGES_COMING);
}

/* The process that writes them.  It dies with the monitor; who waits for pages hears when it
 * cannot go on. */
static _Noreturn void load_late_run(struct layout *l, struct boot_info *boot)
{
    struct late late = {l, boot};
    struct snapshot_error error = {0};

    if (snapshot_load_in_order(l->base->reader, MEMORY_SPACE(0), MEMORY_SPACE(SPACES_MAX - 1),
                               load_late_piece, load_late_done, &late, &error) ||
        sealed_object_close(l->base->pages)) {
        complain_text(error.text[0] ? error.text : "resume: memory could not be filled", NULL);
        tell(boot, BOOT_PAGES_LOST);
        _exit(1);
    }
    tell(boot, BOOT_PAGES_CAME);
    _exit(0);
}

static int load_late(struct layout *l, struct boot_info *boot)
{
    const pid_t monitor = getpid();

    l->base->pages = sealed_object_make("bailey-pages");
    if (l->base->pages < 0)
        return -1;
    boot->pages_state = BOOT_PAGES_COMING;
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != monitor)
            _exit(1);
        load_late_run(l, boot);
    }
    return pid < 0 ? -1 : 0;
}

/* boot: pages may come later, and are told there; or NULL. */
static int make_private(struct memory_base *b, struct boot_info *boot, struct snapshot_error *error)
{
    struct layout l = {.base = b, .in_file = b->in_file};
    uint64_t places = list_places(&l);
    int rc = -1;

    l.places = calloc(places + 1, sizeof(*l.places));
    l.first = calloc(l.spaces + 1, sizeof(*l.first));
    b->runs = sealed_object_make("bailey-runs");
    if (l.places && l.first && b->runs >= 0) {
        list_places(&l);
        rc = order_places(&l, places) || write_runs(&l) || sealed_object_close(b->runs) ? -1 : 0;
    }
    if (rc == 0 && l.in_file)
        b->pages = snapshot_warm_fd(b->reader);
    else if (rc == 0 && boot && can_be_late(&l))
        rc = load_late(&l, boot);
    else if (rc == 0)
        rc = load_pages(&l, error);
    free(l.places);
    free(l.first);
    return rc;
}

static int source_private(void *context, int *pages, int *runs, struct boot_info *boot,
                          struct error *err)
{
    struct memory_base *b = context;
    struct snapshot_error error = {0};

    boot->pages_state = BOOT_PAGES_THERE;
    if (b->runs < 0 && make_private(b, boot, &error))
        return give_error(err, &error);
    *pages = b->pages;
    *runs = b->runs;
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

/* ---- the source ---------------------------------------------------------------------------- */

static const void *source_note(void *context, const char *key, size_t *len)
{
    return snapshot_meta(((struct memory_base *)context)->reader, key, len);
}

void memory_base_init(struct memory_base *b, struct snapshot_reader *r)
{
    *b = (struct memory_base){.reader = r, .pages = -1, .runs = -1};
}

void memory_base_close(struct memory_base *b)
{
    if (b->runs >= 0)
        close(b->runs);
    if (b->pages >= 0 && !b->in_file)
        close(b->pages);
    b->runs = b->pages = -1;
    if (b->pieces)
        munmap(b->held, b->held_size);
    free(b->pieces);
    b->pieces = NULL;
}

void resume_source(struct memory_source *source, struct memory_base *b)
{
    *source = (struct memory_source){
        .context = b, .note = source_note, .fill = source_fill, .private_memory = source_private};
    memcpy(source->image, snapshot_info(b->reader)->image, sizeof(source->image));
}
