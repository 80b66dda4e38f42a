/* Descriptor tables.
 *
 * Look-ups take no lock: they read the slot, take a reference on the file unless it is
 * going away, and look whether the slot still says the same.  Files never become other
 * objects (objcache.h) and outgrown tables stay allocated until the last user of the
 * table is gone, so whatever is read on the way is safe to read.  All changes are made
 * under files->lock.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/resource.h>

#include "fs.h"
#include "lib.h"

#define FIRST_FDS 64
#define MAX_FDS   1048576 /* = fs.nr_open */

/* One memory block per size a table had: this header, pointers, two bitmaps. */
struct fd_block {
    struct fd_block *older;
};

static struct files *mine(void) { return current()->proc->files; }

static bool bit(const u64 *map, u32 n) { return map[n / 64] >> (n % 64) & 1; }
static void bit_set(u64 *map, u32 n) { map[n / 64] |= 1ULL << (n % 64); }
static void bit_clear(u64 *map, u32 n) { map[n / 64] &= ~(1ULL << (n % 64)); }
static void bit_put(u64 *map, u32 n, bool v) { v ? bit_set(map, n) : bit_clear(map, n); }

/* Readers load size before fd: the new block is in place before the size says so. */
static long table_resize(struct files *t, u32 size)
{
    size_t map = size / 8;
    struct fd_block *b = kzalloc(sizeof(*b) + size * sizeof(struct file *) + 2 * map);

    if (!b)
        return -ENOMEM;
    struct file **fd = (struct file **)(b + 1);
    u64 *open = (u64 *)(fd + size), *cloexec = open + size / 64;
    if (t->size) {
        memcpy(fd, t->fd, t->size * sizeof(*fd));
        memcpy(open, t->open, t->size / 8);
        memcpy(cloexec, t->cloexec, t->size / 8);
    }
    b->older = t->tables;
    t->tables = b;
    t->open = open;
    t->cloexec = cloexec;
    __atomic_store_n(&t->fd, fd, __ATOMIC_RELEASE);
    __atomic_store_n(&t->size, size, __ATOMIC_RELEASE);
    return 0;
}

struct files *files_new(void)
{
    struct files *t = kzalloc(sizeof(*t));

    if (!t)
        return NULL;
    t->refs = 1;
    if (table_resize(t, FIRST_FDS)) {
        kfree(t);
        return NULL;
    }
    return t;
}

static u32 highest_open(const struct files *t)
{
    u32 word = t->size / 64;

    while (word > 0 && !t->open[word - 1])
        word--;
    return word * 64;
}

struct files *files_copy(struct files *old)
{
    struct files *t = kzalloc(sizeof(*t));

    if (!t)
        return NULL;
    t->refs = 1;
    lock(&old->lock);
    u32 size = MAX(highest_open(old), (u32)FIRST_FDS);
    if (table_resize(t, size)) {
        unlock(&old->lock);
        kfree(t);
        return NULL;
    }
    for (u32 n = 0; n < size; n++) {
        struct file *f = old->fd[n];
        if (!f)
            continue; /* free, or an open in another thread on its way */
        t->fd[n] = file_get(f);
        bit_set(t->open, n);
        bit_put(t->cloexec, n, bit(old->cloexec, n));
    }
    t->next = old->next;
    unlock(&old->lock);
    return t;
}

static void close_file(struct file *f, struct files *t)
{
    if (!(f->fmode & FMODE_PATH)) {
        if (f->ops && f->ops->flush)
            f->ops->flush(f);
        if (unlikely(!list_empty(&f->inode->locks)))
            locks_close(f->inode, t);
        if (unlikely(f->dnotify))
            dnotify_close(f, t);
    }
    file_put(f);
}

void files_put(struct files *t)
{
    if (!t || !ref_put(&t->refs))
        return;
    for (u32 n = 0; n < t->size; n++) {
        if (t->fd[n])
            close_file(t->fd[n], t);
    }
    for (struct fd_block *b = t->tables, *older; b; b = older) {
        older = b->older;
        kfree(b);
    }
    kfree(t);
}

/* ---- look-up --------------------------------------------------------------------- */

struct file *fd_get(int n)
{
    struct files *t = mine();

    for (;;) {
        if (unlikely((u32)n >= __atomic_load_n(&t->size, __ATOMIC_ACQUIRE)))
            return NULL;
        struct file *f =
            __atomic_load_n(&__atomic_load_n(&t->fd, __ATOMIC_ACQUIRE)[n], __ATOMIC_ACQUIRE);
        if (!f)
            return NULL;
        if (unlikely(!ref_get_unless_zero(&f->refs)))
            continue;
        if (likely(__atomic_load_n(&__atomic_load_n(&t->fd, __ATOMIC_ACQUIRE)[n],
                                   __ATOMIC_ACQUIRE) == f))
            return f;
        file_put(f);
    }
}

struct file *fd_get_io(int n)
{
    struct file *f = fd_get(n);

    if (f && unlikely(f->fmode & FMODE_PATH)) {
        file_put(f);
        return NULL;
    }
    return f;
}

/* ---- numbers ----------------------------------------------------------------------- */

static u32 fd_limit(void)
{
    u64 max = current()->proc->rlimits[RLIMIT_NOFILE][0];

    return (u32)MIN(max, (u64)MAX_FDS);
}

/* Makes room for number n. */
static long need(struct files *t, u32 n)
{
    u32 size = t->size;

    if (n < size)
        return 0;
    while (size <= n)
        size *= 2;
    return table_resize(t, size);
}

static u32 first_free(struct files *t, u32 from)
{
    for (u32 word = from / 64; word < t->size / 64; word++) {
        u64 free = ~t->open[word];
        if (word == from / 64)
            free &= ~0ULL << (from % 64);
        if (free)
            return word * 64 + (u32)__builtin_ctzll(free);
    }
    return MAX(t->size, from);
}

static long reserve_locked(struct files *t, u32 min, bool cloexec)
{
    u32 n = first_free(t, MAX(min, t->next));
    long rc;

    if (n >= fd_limit())
        return -EMFILE;
    rc = need(t, n);
    if (rc)
        return rc;
    bit_set(t->open, n);
    bit_put(t->cloexec, n, cloexec);
    if (min <= t->next)
        t->next = n + 1;
    return n;
}

static void free_locked(struct files *t, u32 n)
{
    bit_clear(t->open, n);
    bit_clear(t->cloexec, n);
    if (n < t->next)
        t->next = n;
}

static void set_slot(struct files *t, u32 n, struct file *f)
{
    __atomic_store_n(&t->fd[n], f, __ATOMIC_RELEASE);
}

long fd_reserve(u32 min, bool cloexec)
{
    struct files *t = mine();

    lock(&t->lock);
    long n = reserve_locked(t, min, cloexec);
    unlock(&t->lock);
    return n;
}

void fd_publish(int n, struct file *f)
{
    struct files *t = mine();

    lock(&t->lock);
    set_slot(t, (u32)n, f);
    unlock(&t->lock);
}

void fd_unreserve(int n)
{
    struct files *t = mine();

    lock(&t->lock);
    free_locked(t, (u32)n);
    unlock(&t->lock);
}

long fd_install(struct file *f, u32 min, bool cloexec)
{
    struct files *t = mine();

    lock(&t->lock);
    long n = reserve_locked(t, min, cloexec);
    if (n >= 0)
        set_slot(t, (u32)n, f);
    unlock(&t->lock);
    return n;
}

/* dup2: replaces what is there.  -EBUSY, as in Linux, if another thread's open has the
 * number reserved at this moment. */
long fd_install_at(struct file *f, int fd, bool cloexec)
{
    struct files *t = mine();
    struct file *old = NULL;
    u32 n = (u32)fd;
    long rc = -EBADF;

    lock(&t->lock);
    if (n < fd_limit())
        rc = need(t, n);
    if (rc == 0 && bit(t->open, n) && !t->fd[n])
        rc = -EBUSY;
    if (rc == 0) {
        old = t->fd[n];
        bit_set(t->open, n);
        bit_put(t->cloexec, n, cloexec);
        set_slot(t, n, f);
    }
    unlock(&t->lock);
    if (rc)
        return rc;
    if (old)
        close_file(old, t);
    return fd;
}

/* Takes the file out of slot n; under the lock. */
static struct file *take_slot(struct files *t, u32 n)
{
    struct file *f = n < t->size ? t->fd[n] : NULL;

    if (f) {
        set_slot(t, n, NULL);
        free_locked(t, n);
    }
    return f;
}

long fd_close(int n)
{
    struct files *t = mine();

    lock(&t->lock);
    struct file *f = take_slot(t, (u32)n);
    unlock(&t->lock);
    if (!f)
        return -EBADF;
    close_file(f, t);
    return 0;
}

void files_exec(struct files *t)
{
    for (u32 n = 0; n < t->size; n++) {
        struct file *f = NULL;
        lock(&t->lock);
        if (bit(t->cloexec, n))
            f = take_slot(t, n);
        unlock(&t->lock);
        if (f)
            close_file(f, t);
    }
}

void fd_close_range(u32 first, u32 last)
{
    struct files *t = mine();

    for (u32 n = first; n <= last && n < t->size; n++) {
        lock(&t->lock);
        struct file *f = take_slot(t, n);
        unlock(&t->lock);
        if (f)
            close_file(f, t);
    }
}

void fd_cloexec_range(u32 first, u32 last)
{
    struct files *t = mine();

    lock(&t->lock);
    for (u32 n = first; n <= last && n < t->size; n++) {
        if (bit(t->open, n))
            bit_set(t->cloexec, n);
    }
    unlock(&t->lock);
}

long fd_get_cloexec(int n)
{
    struct files *t = mine();
    long rc = -EBADF;

    lock(&t->lock);
    if ((u32)n < t->size && t->fd[n])
        rc = bit(t->cloexec, (u32)n);
    unlock(&t->lock);
    return rc;
}

long fd_set_cloexec(int n, bool on)
{
    struct files *t = mine();
    long rc = -EBADF;

    lock(&t->lock);
    if ((u32)n < t->size && t->fd[n]) {
        bit_put(t->cloexec, (u32)n, on);
        rc = 0;
    }
    unlock(&t->lock);
    return rc;
}
