/* /proc/PID/{maps,smaps,smaps_rollup}: the mappings of a process as text.
 *
 * Written from the VMA tree under mm->lock, so one reading is one consistent state.
 * Garbage collectors, sanitizers and unwinders parse these lines to the column.
 * Trampolines (VMA_HIDDEN) are no business of the program's and are left out, and so is
 * the vDSO: it lies with the rest of the inside, where ThreadSanitizer accepts no mapping.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "procfs.h"

#define KB(n)       ((n) >> 10)
#define NAME_COLUMN 73 /* where Linux starts the name */

void text_escaped(struct textbuf *b, const char *s, const char *escape)
{
    for (; *s; s++) {
        if (strchr(escape, *s))
            text_add(b, "\\%03o", (unsigned char)*s);
        else
            text_bytes(b, s, 1);
    }
}

static void maps_line(struct textbuf *b, const struct vma *v)
{
    char path[PATH_MAX_];
    size_t start = b->len;
    u64 dev = 0, ino = 0;
    const char *name = v->name;
    bool fixed = v->kind == VMA_FIXED;

    if (v->file && !fixed) {
        dev = v->file->inode->super->dev;
        ino = v->file->inode->ino;
        name = file_text(v->file, path, sizeof(path));
        if (IS_ERR(name))
            name = "";
    }
    text_add(b, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", v->start, v->end,
             v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
             v->prot & PROT_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p',
             v->file && !fixed ? v->offset : 0, (u32)(dev >> 8 & 0xfff),
             (u32)((dev & 0xff) | (dev >> 12 & 0xfff00)), ino);
    if (name) {
        while (!b->full && b->len - start < NAME_COLUMN)
            text_bytes(b, " ", 1);
        text_escaped(b, name, "\n");
    }
    text_bytes(b, "\n", 1);
}

long proc_show_maps(const struct pseudo *p, struct textbuf *b)
{
    struct mm *mm;
    struct vma *v;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    mm = proc_mm(p);
    if (!mm)
        return 0;
    lock(&mm->lock);
    for (v = vma_next(mm, 0); v && !b->full; v = vma_next(mm, v->end))
        if (!(v->flags & VMA_HIDDEN))
            maps_line(b, v);
    unlock(&mm->lock);
    mm_put(mm);
    return 0;
}

/* ---- smaps ------------------------------------------------------------------------- */

/* What can be said of a mapping's pages without asking the host for each: pages of files
 * are clean, pages of memory dirty. */
struct smaps {
    u64 size, rss, shared_clean, shared_dirty, private_clean, private_dirty, anon, locked;
};

static void smaps_add(struct smaps *s, const struct vma *v, const struct mem_use *use)
{
    u64 rss = vma_resident(v, use);

    s->size += v->end - v->start;
    s->rss += rss;
    if (vma_private_data(v)) {
        s->private_dirty += rss;
        s->anon += rss;
    } else if (v->kind == VMA_POOL) {
        s->shared_dirty += rss;
    } else {
        s->private_clean += rss;
    }
    if (v->flags & VMA_LOCKED)
        s->locked += rss;
}

static void kb_line(struct textbuf *b, const char *name, u64 bytes)
{
    text_add(b, "%s:%*s%8lu kB\n", name, (int)(15 - strlen(name)), "", KB(bytes));
}

static void smaps_numbers(struct textbuf *b, const struct smaps *s, bool rollup)
{
    kb_line(b, "Rss", s->rss);
    kb_line(b, "Pss", s->rss);
    kb_line(b, "Pss_Dirty", s->private_dirty + s->shared_dirty);
    if (rollup) {
        kb_line(b, "Pss_Anon", s->anon);
        kb_line(b, "Pss_File", s->private_clean + s->shared_clean);
        kb_line(b, "Pss_Shmem", s->shared_dirty);
    }
    kb_line(b, "Shared_Clean", s->shared_clean);
    kb_line(b, "Shared_Dirty", s->shared_dirty);
    kb_line(b, "Private_Clean", s->private_clean);
    kb_line(b, "Private_Dirty", s->private_dirty);
    kb_line(b, "Referenced", s->rss);
    kb_line(b, "Anonymous", s->anon);
    kb_line(b, "LazyFree", 0);
    kb_line(b, "AnonHugePages", 0);
    kb_line(b, "ShmemPmdMapped", 0);
    kb_line(b, "FilePmdMapped", 0);
    kb_line(b, "Shared_Hugetlb", 0);
    kb_line(b, "Private_Hugetlb", 0);
    kb_line(b, "Swap", 0);
    kb_line(b, "SwapPss", 0);
    kb_line(b, "Locked", s->locked);
}

static void vm_flags(struct textbuf *b, const struct vma *v)
{
    const struct {
        bool on;
        const char *name;
    } flags[] = {
        {v->prot & PROT_READ, "rd "},
        {v->prot & PROT_WRITE, "wr "},
        {v->prot & PROT_EXEC, "ex "},
        {v->flags & VMA_SHARED, "sh "},
        {true, "mr "},
        {!(v->flags & VMA_SHARED) || v->flags & VMA_MAYWRITE, "mw "},
        {true, "me "},
        {v->flags & VMA_SHARED, "ms "},
        {v->flags & VMA_GROWSDOWN, "gd "},
        {v->flags & VMA_LOCKED, "lo "},
        {v->flags & VMA_DONTFORK, "dc "},
        {v->flags & VMA_NORESERVE, "nr "},
        {v->flags & VMA_DONTDUMP, "dd "},
        {v->flags & VMA_WIPEONFORK, "wf "},
        {v->kind == VMA_ANON, "ac "},
    };
    size_t i;

    text_add(b, "VmFlags: ");
    for (i = 0; i < ARRAY_SIZE(flags); i++)
        if (flags[i].on)
            text_add(b, "%s", flags[i].name);
    text_add(b, "\n");
}

long proc_show_smaps(const struct pseudo *p, struct textbuf *b)
{
    struct mem_use use;
    struct mm *mm;
    struct vma *v;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    proc_mem_use(p, &use);
    mm = proc_mm(p);
    if (!mm)
        return 0;
    lock(&mm->lock);
    for (v = vma_next(mm, 0); v && !b->full; v = vma_next(mm, v->end)) {
        struct smaps s = {0};

        if (v->flags & VMA_HIDDEN)
            continue;
        smaps_add(&s, v, &use);
        maps_line(b, v);
        kb_line(b, "Size", s.size);
        kb_line(b, "KernelPageSize", PAGE_SIZE);
        kb_line(b, "MMUPageSize", PAGE_SIZE);
        smaps_numbers(b, &s, false);
        text_add(b, "THPeligible:    0\n");
        vm_flags(b, v);
    }
    unlock(&mm->lock);
    mm_put(mm);
    return 0;
}

long proc_show_smaps_rollup(const struct pseudo *p, struct textbuf *b)
{
    struct smaps s = {0};
    uptr first = 0, last = 0;
    struct mem_use use;
    struct mm *mm;
    struct vma *v;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    proc_mem_use(p, &use);
    mm = proc_mm(p);
    if (!mm)
        return -ESRCH;
    lock(&mm->lock);
    for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) {
        if (v->flags & VMA_HIDDEN)
            continue;
        first = first ? first : v->start;
        last = v->end;
        smaps_add(&s, v, &use);
    }
    unlock(&mm->lock);
    mm_put(mm);
    text_add(b, "%08lx-%08lx ---p 00000000 00:00 0 %*s[rollup]\n", first, last, 31, "");
    smaps_numbers(b, &s, true);
    return 0;
}
