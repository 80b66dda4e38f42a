/* What the host's vDSO exports: an ELF shared object of the kernel's (vdso(7)), laid out in memory
 * as in its file. */
#include "host_vdso.h"

#include <linux/elf.h>
#include <stdbool.h>
#include <stddef.h>

#include "../abi/layout.h"

struct symbols {
    const Elf64_Sym *list;
    const char *names;
    const Elf32_Word *hash;
    uint64_t bias; /* of addresses to places in the image */
};

static void find_tables(const uint8_t *image, struct symbols *s)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(image + eh->e_phoff);
    const Elf64_Dyn *dyn = NULL;

    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD)
            s->bias = ph[i].p_vaddr - ph[i].p_offset;
        if (ph[i].p_type == PT_DYNAMIC)
            dyn = (const Elf64_Dyn *)(image + ph[i].p_offset);
    }
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const uint8_t *at = image + dyn->d_un.d_ptr - s->bias;
        if (dyn->d_tag == DT_SYMTAB)
            s->list = (const Elf64_Sym *)at;
        if (dyn->d_tag == DT_STRTAB)
            s->names = (const char *)at;
        if (dyn->d_tag == DT_HASH)
            s->hash = (const Elf32_Word *)at;
    }
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Its place in the image, 0: it has none of this name. */
static uint64_t find(const struct symbols *s, const char *name)
{
    if (!s->list || !s->names)
        return 0;
    /* Without DT_HASH: the string table follows the symbols. */
    size_t count =
        s->hash ? s->hash[1] : (size_t)(s->names - (const char *)s->list) / sizeof(*s->list);
    for (size_t i = 0; i < count; i++)
        if (s->list[i].st_shndx != SHN_UNDEF && same(s->names + s->list[i].st_name, name))
            return s->list[i].st_value - s->bias;
    return 0;
}

void host_vdso_find(struct boot_vdso *vdso)
{
    struct symbols s = {NULL, NULL, NULL, 0};

    if (!vdso->size)
        return;
    find_tables((const uint8_t *)(HOSTVDSO_BASE + vdso->vdso_off), &s);
    uint64_t clock = find(&s, "__vdso_clock_gettime"), cpu = find(&s, "__vdso_getcpu");
    vdso->clock_gettime = clock ? vdso->vdso_off + clock : 0;
    vdso->getcpu = cpu ? vdso->vdso_off + cpu : 0;
}
