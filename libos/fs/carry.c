/* A self-contained save: what the program has open or mapped of its base goes along.
 *
 * While everything rests, the data of every regular file of a lower layer or volume that somebody
 * has open (a mapping has, too) are read into pages of the pool, which are saved as all memory is.
 * In the original they are given back when the save has ended.  A resumed copy opens each file
 * again by name; where it is not there, or is another one, what was carried takes its place for
 * good: it is read and mapped as a file in memory, and keeps its name.
 *
 * Locking: none; everything here runs while all threads rest, or before they start.  `gone` does
 * not change afterwards.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "carry.h"
#include "hostfs.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "overlay.h"
#include "thread.h"
#include "uio.h"

#define CHUNK 0x40000UL

static bool taken;

bool carry_taken(void) { return taken; }

static long copy(struct inode *i, struct filemem *to, char *chunk)
{
    u64 size = READ_ONCE(i->size), off = 0;

    while (off < size) {
        struct uio u;
        struct iov iov;
        uio_init(&u, &iov, (uptr)chunk, MIN(CHUNK, size - off), true);
        long n = lower_ops(i)->read(i, &u, off);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return n;
        uio_init(&u, &iov, (uptr)chunk, (size_t)n, true);
        long done = filemem_write(to, &u, off, (size_t)n);
        if (done != n)
            return done < 0 ? done : -ENOSPC;
        off += (u64)n;
    }
    return 0;
}

/* A file of a volume keeps its name with its handles, one of an overlay with its inode. */
static struct dentry *name_of(struct inode *i)
{
    struct inode *upper = lower_node(i)->upper;

    if (upper)
        return overlay_node(upper)->lower;
    return i->super->lower_ops == &hostfs_lower_ops ? hostfs_node(i)->name : NULL;
}

/* Can't be read where it is only open for writing; without a name nobody could find it again. */
static bool is_wanted(struct inode *i)
{
    const struct lower_node *l = lower_node(i);
    bool host = i->super->lower_ops == &hostfs_lower_ops;

    return S_ISREG(i->mode) && l->users && !l->carried && name_of(i) &&
           (!host || hostfs_node(i)->handle >= 0);
}

static void carry(struct inode *i, void *arg)
{
    struct filemem *mem;
    long *rc = arg;
    char *chunk;

    if (*rc || !is_wanted(i))
        return;
    mem = kzalloc(sizeof(*mem));
    chunk = kpages_alloc(CHUNK);
    *rc = mem && chunk ? copy(i, mem, chunk) : -ENOMEM;
    if (chunk)
        kpages_free(chunk, CHUNK);
    if (*rc) {
        if (mem)
            filemem_free(mem);
        kfree(mem);
        return;
    }
    lower_node(i)->carried = mem;
    lower_node(i)->carried_name = dentry_get(name_of(i));
}

void carry_drop(struct inode *i)
{
    struct lower_node *l = lower_node(i);
    struct dentry *name = l->carried_name;

    if (l->carried)
        filemem_free(l->carried);
    kfree(l->carried);
    l->carried = NULL;
    l->carried_name = NULL;
    if (name)
        dentry_put(name);
}

bool carry_take(struct inode *i)
{
    struct lower_node *l = lower_node(i);

    l->gone = l->carried != NULL;
    return l->gone;
}

long carry_read(struct inode *i, struct uio *u, u64 pos)
{
    u64 size = READ_ONCE(i->size);

    if (!lower_node(i)->carried)
        return -EIO;
    return pos < size ? filemem_read(lower_node(i)->carried, u, pos, MIN(u->left, size - pos)) : 0;
}

long carry_map(struct inode *i, struct mapping_request *r)
{
    r->kind = VMA_POOL;
    r->inode = i;
    return 0;
}

static void for_each(void (*what)(struct inode *i, void *arg), void *arg)
{
    hostfs_each(what, arg);
    erofs_each(what, arg);
}

long carry_all(void)
{
    long rc = 0;

    taken = true;
    if (erofs_gone())
        hostfs_each(carry, &rc);
    else
        for_each(carry, &rc);
    if (rc)
        carry_end();
    return rc;
}

static void drop(struct inode *i, void *arg)
{
    if (!carry_counts(i))
        carry_drop(i);
}

void carry_end(void)
{
    if (!taken)
        return;
    taken = false;
    for_each(drop, NULL);
}

/* ---- for people ---------------------------------------------------------------------- */

struct lines {
    bool (*add)(struct textbuf *to, const char *kind, const char *line);
    struct textbuf *to;
};

/* Where the file system of a volume is, for the names in it. */
static const char *guest_of(const struct super *s)
{
    const struct boot_info *b = boot();
    u32 n = s->lower_ops == &hostfs_lower_ops ? hostfs_of(s)->index : 0;

    return n && n < b->nmounts ? (const char *)(SEG_BASE + b->mounts[n].guest) : "";
}

static void tell(struct inode *i, void *arg)
{
    struct dentry *name = lower_node(i)->carried_name;
    char line[400], buf[300], *path;
    struct lines *lines = arg;

    if (!lower_node(i)->carried)
        return;
    path = dentry_path(name, buf, sizeof(buf));
    snprintf(line, sizeof(line), "%lu %s%s", i->size, guest_of(name->super),
             IS_ERR(path) ? "/..." : path);
    lines->add(lines->to, "base file", line);
}

void carry_summary(bool (*add)(struct textbuf *to, const char *kind, const char *line),
                   struct textbuf *to)
{
    struct lines lines = {add, to};

    for_each(tell, &lines);
}
