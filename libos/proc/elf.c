/* ELF program headers, checked.  Everything here is the file's word: no sum is formed
 * without knowing it cannot wrap, nothing is read outside buf. */
#include <linux/elf.h>
#include <linux/elf-em.h>

#include "elf.h"
#include "lib.h"

#define ENOEXEC       8
#define EINVAL        22
#define PF_TO_PROT(f) ((((f)&PF_R) ? 1u : 0u) | (((f)&PF_W) ? 2u : 0u) | (((f)&PF_X) ? 4u : 0u))

static bool header_ok(const Elf64_Ehdr *e)
{
    return memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 && e->e_ident[EI_CLASS] == ELFCLASS64 &&
           e->e_ident[EI_DATA] == ELFDATA2LSB && e->e_machine == EM_X86_64 &&
           (e->e_type == ET_EXEC || e->e_type == ET_DYN);
}

/* Adds one PT_LOAD; keeps the extent. */
static long add_load(struct elf_header *h, const Elf64_Phdr *p, u64 file_size)
{
    struct elf_segment *s;

    if (p->p_memsz == 0)
        return 0;
    if (h->nsegments == ELF_SEGMENTS_MAX || p->p_filesz > p->p_memsz || p->p_vaddr >= USER_MAX ||
        p->p_memsz > USER_MAX - p->p_vaddr || p->p_offset > file_size ||
        p->p_filesz > file_size - p->p_offset)
        return -EINVAL;
    if ((p->p_vaddr & ~PAGE_MASK) != (p->p_offset & ~PAGE_MASK))
        return -EINVAL;
    if (p->p_align > PAGE_SIZE && (p->p_align & (p->p_align - 1)) == 0 && p->p_align < 1UL << 32)
        h->max_align = MAX(h->max_align, p->p_align);
    s = &h->segments[h->nsegments++];
    *s = (struct elf_segment){p->p_vaddr,  p->p_memsz, p->p_filesz,
                              p->p_offset, p->p_align, PF_TO_PROT(p->p_flags)};
    h->low = MIN(h->low, p->p_vaddr & PAGE_MASK);
    h->high = MAX(h->high, PAGE_ALIGN(p->p_vaddr + p->p_memsz));
    if (h->phdr_vaddr == 0 && h->phoff >= p->p_offset && h->phoff - p->p_offset < p->p_filesz)
        h->phdr_vaddr = p->p_vaddr + (h->phoff - p->p_offset);
    return 0;
}

long elf_parse(const void *buf, size_t n, u64 file_size, struct elf_header *h)
{
    Elf64_Ehdr e;

    memset(h, 0, sizeof(*h));
    if (n < sizeof(e))
        return -ENOEXEC;
    memcpy(&e, buf, sizeof(e));
    if (!header_ok(&e) || e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phnum == 0)
        return -ENOEXEC;
    if (e.e_phoff > n || (u64)e.e_phnum * sizeof(Elf64_Phdr) > n - e.e_phoff)
        return -ENOEXEC;
    h->pie = e.e_type == ET_DYN;
    h->entry = e.e_entry;
    h->phoff = e.e_phoff;
    h->phnum = e.e_phnum;
    h->low = ~0UL;
    h->max_align = PAGE_SIZE;
    for (u32 i = 0; i < e.e_phnum; i++) {
        Elf64_Phdr p;
        long rc = 0;

        memcpy(&p, (const char *)buf + e.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type == PT_LOAD) {
            rc = add_load(h, &p, file_size);
        } else if (p.p_type == PT_GNU_STACK) {
            h->exec_stack = p.p_flags & PF_X;
        } else if (p.p_type == PT_INTERP && h->interp_size == 0) {
            if (p.p_filesz < 2 || p.p_filesz > 4096 || p.p_offset > file_size ||
                p.p_filesz > file_size - p.p_offset)
                rc = -ENOEXEC;
            h->interp_offset = p.p_offset;
            h->interp_size = (u32)p.p_filesz;
        }
        if (rc)
            return rc;
    }
    if (h->nsegments == 0 || h->high <= h->low || h->entry >= USER_MAX)
        return -ENOEXEC;
    return 0;
}
