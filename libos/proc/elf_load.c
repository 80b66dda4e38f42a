/* Maps a checked ELF program, and its interpreter, into an empty address space. */
#include <linux/personality.h>

#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "random.h"
#include "rewrite.h"
#include "usercopy.h"
#include "vfs.h"

#define ENOEXEC          8
#define ENOMEM           12
#define EINVAL           22
#define PROT_WRITE       2u
#define PROT_EXEC        4u
#define MAP_PRIVATE      2u
#define MAP_FIXED        0x10u
#define MAP_ANONYMOUS    0x20u
#define PIE_BASE         0x555555554000UL
#define PIE_RANDOM_PAGES (1UL << 28)

/* The file's bytes up to filesz, zeros after them. */
static long map_segment(struct mm *mm, struct file *f, const struct elf_segment *s, u64 bias)
{
    uptr start = (s->vaddr + bias) & PAGE_MASK;
    uptr file_end = s->vaddr + bias + s->filesz, mem_end = s->vaddr + bias + s->memsz;
    uptr zero_page = PAGE_ALIGN(file_end);
    long rc;

    if (s->filesz) {
        rc = mm_map(mm, start, zero_page - start, s->prot, MAP_PRIVATE | MAP_FIXED, f,
                    s->offset & PAGE_MASK, NULL);
        if (rc < 0)
            return rc;
        if (mem_end > file_end && (s->prot & PROT_WRITE) && zero_page > file_end &&
            user_zero(file_end, zero_page - file_end))
            return -ENOEXEC;
    } else {
        zero_page = start;
    }
    if (PAGE_ALIGN(mem_end) > zero_page) {
        rc = mm_map(mm, zero_page, PAGE_ALIGN(mem_end) - zero_page, s->prot,
                    MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static long map_segments(struct mm *mm, struct file *f, const struct elf_header *h, u64 bias)
{
    for (u32 i = 0; i < h->nsegments; i++) {
        const struct elf_segment *s = &h->segments[i];
        uptr end = s->vaddr + bias + s->memsz;

        if (s->vaddr + bias < USER_MIN || end > USER_MAX ||
            (end > INSIDE_BASE && s->vaddr + bias < INSIDE_END))
            return -ENOMEM;
        long rc = map_segment(mm, f, s, bias);
        if (rc)
            return rc;
    }
    return 0;
}

static u64 random_pages(u64 n)
{
    u64 r;
    random_bytes(&r, sizeof(r));
    if (current()->personality & ADDR_NO_RANDOMIZE)
        r = 0;
    return (r % n) << PAGE_SHIFT;
}

/* Where a position-independent file goes: programs in Linux's PIE area, interpreters
 * wherever mmap would put them. */
static long choose_bias(struct mm *mm, const struct elf_header *h, bool interp, u64 *bias)
{
    size_t len = h->high - h->low;
    long at;

    *bias = 0;
    if (!h->pie)
        return 0;
    if (!interp && h->interp_size) {
        *bias = ALIGN_UP(PIE_BASE + random_pages(PIE_RANDOM_PAGES), h->max_align) - h->low;
        return 0;
    }
    at = mm_room(mm, len + h->max_align - PAGE_SIZE);
    if (at < 0)
        return at;
    *bias = ALIGN_UP((u64)at, h->max_align) - h->low;
    return 0;
}

static long load_interp(struct mm *mm, struct file *f, const struct elf_header *h,
                        struct loaded *out)
{
    u64 bias;
    long rc = choose_bias(mm, h, true, &bias);

    mm->loader_dev = f->inode->super->dev;
    mm->loader_ino = f->inode->ino;
    if (rc == 0 && rewrite_starter)
        rewrite_starter(f);
    if (rc == 0)
        rc = map_segments(mm, f, h, bias);
    if (rc)
        return rc;
    out->base = bias + h->low;
    out->entry = h->entry + bias;
    return 0;
}

long elf_load(struct mm *mm, struct file *f, const struct elf_header *h, struct file *interp,
              const struct elf_header *interp_header, struct loaded *out)
{
    u64 bias;
    long rc = choose_bias(mm, h, false, &bias);

    if (rc == 0 && !interp && rewrite_starter)
        rewrite_starter(f); /* linked statically */
    if (rc == 0)
        rc = map_segments(mm, f, h, bias);
    if (rc)
        return rc;
    *out = (struct loaded){
        .entry = h->entry + bias,
        .program_entry = h->entry + bias,
        .phdr = h->phdr_vaddr ? h->phdr_vaddr + bias : 0,
        .phnum = h->phnum,
        .brk = h->high + bias,
        .exec_stack = h->exec_stack,
    };
    if (interp)
        rc = load_interp(mm, interp, interp_header, out);
    /* The heap starts after the program, at a random distance. */
    mm->brk_start = mm->brk = PAGE_ALIGN(out->brk) + random_pages(0x2000);
    return rc;
}
