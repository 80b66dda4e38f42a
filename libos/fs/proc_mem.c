/* Sizes of a process's memory, /proc/PID/mem and /proc/PID/pagemap.
 *
 * The host holds the pages; it says how many of a process are in memory, private ones and
 * those of files.  How they spread over the mappings is an estimate (what can be accessed
 * counts, address space that was only reserved doesn't), scaled to the host's sums.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "procfs.h"
#include "usercopy.h"

static u64 estimate(const struct vma *v)
{
    u64 size = v->end - v->start;

    if (!(v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) || v->kind == VMA_FIXED)
        return 0;
    /* Large areas are arenas of allocators and mostly untouched. */
    if (v->kind == VMA_ANON && v->flags & VMA_NORESERVE)
        return MIN(size, 1UL << 20);
    return v->flags & VMA_STACK ? MIN(size, 128UL << 10) : size;
}

bool vma_private_data(const struct vma *v)
{
    return v->kind == VMA_ANON || (v->file && v->prot & PROT_WRITE && !(v->flags & VMA_SHARED));
}

static u64 scale(u64 part, u64 sum, u64 truth)
{
    return sum ? (part >> PAGE_SHIFT) * (truth >> PAGE_SHIFT) / MAX(sum >> PAGE_SHIFT, 1UL)
                     << PAGE_SHIFT
               : 0;
}

u64 vma_resident(const struct vma *v, const struct mem_use *use)
{
    u64 guess = estimate(v);

    if (vma_private_data(v))
        guess = scale(guess, use->guessed_anon, use->anon);
    else if (v->kind != VMA_POOL)
        guess = scale(guess, use->guessed_file, use->file);
    return MIN(guess, v->end - v->start);
}

static void count_vma(struct mem_use *use, const struct vma *v, const struct inode *exe)
{
    u64 size = v->end - v->start;

    use->total += size;
    if (vma_private_data(v))
        use->guessed_anon += estimate(v);
    else if (v->kind == VMA_POOL)
        use->shmem += estimate(v);
    else
        use->guessed_file += estimate(v);
    if (v->flags & VMA_LOCKED)
        use->locked += size;
    if (v->flags & VMA_STACK)
        use->stack += size;
    else if ((v->prot & PROT_WRITE) && !(v->flags & VMA_SHARED))
        use->data += size;
    else if (v->file && (v->prot & PROT_EXEC))
        *(v->file->inode == exe ? &use->text : &use->lib) += size;
}

static void count_mm(struct mm *mm, struct mem_use *use)
{
    const struct inode *exe = NULL;
    struct vma *v;

    lock(&mm->lock);
    for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) {
        if (v->flags & VMA_HIDDEN)
            continue;
        if (v->file && (v->prot & PROT_EXEC) && !exe)
            exe = v->file->inode; /* the program is mapped lowest */
        count_vma(use, v, exe);
    }
    use->peak = MAX(mm->peak, use->total);
    unlock(&mm->lock);
}

void proc_mem_use(const struct pseudo *p, struct mem_use *use)
{
    struct mm *mm = proc_mm(p);
    struct process *proc = proc_get(p);
    s32 host = proc ? proc->host_pid : 0;
    long pages = -1;

    memset(use, 0, sizeof(*use));
    if (proc)
        process_put(proc);
    if (!mm)
        return;
    count_mm(mm, use);
    mm_put(mm);
    if (host > 0)
        pages = host_report(HOST_REPORT_MEMORY, (u64)host, 0, NULL);
    use->anon = pages >= 0 ? (u64)pages >> 32 << PAGE_SHIFT : use->guessed_anon;
    use->file = pages >= 0 ? ((u64)pages & 0xffffffff) << PAGE_SHIFT : use->guessed_file;
    use->shmem = MIN(use->shmem, pool_used());
    use->resident = use->anon + use->file + use->shmem;
}

/* ---- mem ------------------------------------------------------------------------------- */

static long mem_open(struct file *f) { return proc_may_access(pseudo_of(f->inode)); }

#define MEM_CHUNK 16384

/* Through a buffer: a fault on either side then has its own errno.  Bytes moved. */
static long mem_part(struct process *proc, struct uio *u, u64 pos, char *chunk, bool write)
{
    size_t n = MIN(u->left, (size_t)MEM_CHUNK);
    long ok;

    if (write) {
        n = uio_copy_in(chunk, u, n);
        if (!n)
            return -EFAULT;
    }
    ok = mm_remote_access(proc, pos, chunk, n, write ? MM_WRITE | MM_FORCE : MM_FORCE);
    if (ok > 0 && !write && uio_copy_out(u, chunk, (size_t)ok) != (size_t)ok)
        return -EFAULT;
    return ok == -EINTR ? -ERESTARTSYS : ok == 0 || ok == -ETIMEDOUT ? -EIO : ok;
}

static long mem_transfer(struct file *f, struct uio *u, u64 *pos, bool write)
{
    struct process *proc = proc_get(pseudo_of(f->inode));
    char *chunk = kmalloc(MEM_CHUNK);
    size_t done = 0;
    long n = 0;

    while (proc && chunk && u->left) {
        n = mem_part(proc, u, *pos, chunk, write);
        if (n <= 0)
            break;
        done += (size_t)n;
        *pos += (u64)n;
        if (n < MEM_CHUNK)
            break;
    }
    if (!chunk)
        n = -ENOMEM;
    kfree(chunk);
    if (proc)
        process_put(proc);
    return done ? (long)done : n == -ESRCH ? 0 : n; /* gone: nothing more to read */
}

static long mem_read(struct file *f, struct uio *u, u64 *pos)
{
    return mem_transfer(f, u, pos, false);
}

static long mem_write(struct file *f, struct uio *u, u64 *pos)
{
    return mem_transfer(f, u, pos, true);
}

static s64 mem_llseek(struct file *f, s64 off, int whence)
{
    if (whence == 1)
        off += (s64)f->pos;
    else if (whence != 0)
        return -EINVAL;
    f->pos = (u64)off;
    return off;
}

const struct file_ops proc_mem_fops = {
    .open = mem_open,
    .read = mem_read,
    .write = mem_write,
    .llseek = mem_llseek,
};

/* ---- pagemap: frame numbers are hidden from programs without CAP_SYS_ADMIN on the host,
 * and so zero; bit 63 says "present". ------------------------------------------------------ */

static long pagemap_read(struct file *f, struct uio *u, u64 *pos)
{
    struct mm *mm;
    size_t done = 0;

    if ((*pos | u->left) & 7)
        return -EINVAL;
    mm = proc_mm(pseudo_of(f->inode));
    if (!mm)
        return 0;
    while (u->left >= 8 && *pos / 8 * PAGE_SIZE < USER_MAX) {
        uptr addr = *pos / 8 * PAGE_SIZE;
        struct vma *v;
        u64 entry = 0;

        lock(&mm->lock);
        v = vma_find(mm, addr);
        if (v && estimate(v))
            entry = 1ULL << 63 | (v->file || v->flags & VMA_SHARED ? 1ULL << 61 : 0);
        unlock(&mm->lock);
        if (uio_copy_out(u, &entry, 8) != 8) {
            mm_put(mm);
            return done ? (long)done : -EFAULT;
        }
        *pos += 8;
        done += 8;
    }
    mm_put(mm);
    return (long)done;
}

const struct file_ops proc_pagemap_fops = {
    .open = mem_open,
    .read = pagemap_read,
    .llseek = mem_llseek,
};
