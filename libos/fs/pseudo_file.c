/* Pseudo files: reading and writing.
 *
 * An open file keeps the text made by the last read at offset 0; reads elsewhere serve
 * from it.  `pseudo_file->lock` guards that text.  It is taken before everything but
 * `pos_lock`, and held while program memory is copied: a fault there never needs it.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "procfs.h"
#include "pseudo.h"

struct pseudo_file {
    struct lock lock;
    struct textbuf text;
};

#define TEXT_MAX (64UL << 20) /* maps of a process with a million mappings */

long pseudo_text(const struct pseudo *p, struct textbuf *b)
{
    size_t cap = b->cap ? b->cap : PAGE_SIZE;
    long rc;

    for (;; cap *= 2) {
        if (b->cap != cap) {
            kpages_free(b->p, b->cap);
            b->cap = 0;
            b->p = cap <= TEXT_MAX ? kpages_alloc(cap) : NULL;
            if (!b->p)
                return -ENOMEM;
            b->cap = cap;
        }
        b->len = 0;
        b->full = false;
        rc = p->node->show(p, b);
        if (rc || !b->full)
            return rc;
    }
}

/* Asking for write access to what nobody may write fails at open even for root, but in
 * /proc/PID, where writing fails. */
static bool must_be_writable(const struct file *f)
{
    return f->inode->super->magic != PROC_MAGIC ||
           ((const struct pseudo *)f->inode->private)->pid == 0;
}

static long pseudo_open(struct file *f)
{
    const struct pseudo *p = f->inode->private;
    struct pseudo_file *pf;

    if (!proc_alive(p))
        return -ESRCH;
    if ((f->fmode & FMODE_WRITE) && !p->node->store && !(f->inode->mode & 0222) &&
        must_be_writable(f))
        return -EACCES;
    pf = kzalloc(sizeof(*pf));
    if (!pf)
        return -ENOMEM;
    f->private = pf;
    return 0;
}

static void pseudo_release(struct file *f)
{
    struct pseudo_file *pf = f->private;

    if (!pf)
        return;
    if (pf->text.cap)
        kpages_free(pf->text.p, pf->text.cap);
    kfree(pf);
}

static long pseudo_read(struct file *f, struct uio *u, u64 *pos)
{
    const struct pseudo *p = f->inode->private;
    struct pseudo_file *pf = f->private;
    const char *text;
    size_t len, n;
    long rc = 0;

    lock(&pf->lock);
    if (p->node->text) {
        text = p->node->text;
        len = strlen(text);
    } else if (!p->node->show) {
        rc = -EIO;
        goto out;
    } else {
        if (*pos == 0 || !pf->text.cap)
            rc = pseudo_text(p, &pf->text);
        if (rc)
            goto out;
        text = pf->text.p;
        len = pf->text.len;
    }
    if (*pos >= len || !u->left)
        goto out;
    n = uio_copy_out(u, text + *pos, MIN(len - *pos, u->left));
    *pos += n;
    rc = n ? (long)n : -EFAULT;
out:
    unlock(&pf->lock);
    return rc;
}

static long pseudo_write(struct file *f, struct uio *u, u64 *pos)
{
    const struct pseudo *p = f->inode->private;
    char text[1024];
    size_t n = u->left;
    long rc;

    if (!p->node->store)
        return -EIO;
    if (n >= sizeof(text))
        return -EINVAL;
    if (uio_copy_in(text, u, n) != n)
        return -EFAULT;
    text[n] = 0;
    rc = p->node->store(p, text, n);
    if (rc)
        return rc;
    *pos += n;
    return (long)n;
}

const struct file_ops pseudo_file_fops = {
    .open = pseudo_open,
    .release = pseudo_release,
    .read = pseudo_read,
    .write = pseudo_write,
    .llseek = file_seek_endless,
};

s64 pseudo_number(const char *text, s64 min, s64 max, long *err)
{
    const char *s = text, *end;
    bool minus = false;
    u64 v;

    while (*s == ' ' || *s == '\t' || *s == '\n')
        s++;
    if (*s == '-') {
        minus = true;
        s++;
    }
    v = parse_u64(s, &end, 0);
    *err = 0;
    if (end == s || (*end && *end != '\n' && *end != ' ' && *end != '\t') || v >> 63)
        *err = -EINVAL;
    else if ((minus ? -(s64)v : (s64)v) < min || (minus ? -(s64)v : (s64)v) > max)
        *err = -EINVAL;
    return minus ? -(s64)v : (s64)v;
}
