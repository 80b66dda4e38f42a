/* Where does the function around a file offset begin?
 *
 * Asked of the file's own tables: the sorted table of .eh_frame_hdr (LSB, "Exception
 * Frames"), else function symbols of .symtab or .dynsym.  The file is the program's: it
 * can only mislead itself, so wrong answers are harmless, but every offset is checked
 * and every loop bounded. */
#include <linux/elf.h>

#include "rewrite_plan.h"

#define PT_GNU_EH_FRAME_        0x6474e550
#define DW_EH_PE_datarel_sdata4 0x3b
#define DW_EH_PE_pcrel_sdata4   0x1b
#define DW_EH_PE_udata4         0x03
#define PHDRS_MAX               64
#define SECTIONS_MAX            256
#define SYMBOLS_CHUNK           64
#define SYMBOLS_MAX             200000
#define TABLE_CHUNK             64u /* entries of the sorted table read at once */
#define STT_FUNC_               2

struct image {
    const struct code_reader *r;
    Elf64_Ehdr ehdr; /* phdr directly behind it: load reads both at once */
    Elf64_Phdr phdr[PHDRS_MAX];
    unsigned phnum;
};
_Static_assert(offsetof(struct image, phdr) == offsetof(struct image, ehdr) + sizeof(Elf64_Ehdr),
               "one read fills both");

static bool get(const struct code_reader *r, uint64_t at, void *buf, size_t n)
{
    return at <= r->size && n <= r->size - at && r->read(r->ctx, at, buf, n) == (long)n;
}

/* Program headers mostly follow the file's: one read brings both. */
static bool load(struct image *im, const struct code_reader *r)
{
    const size_t guess = sizeof(im->ehdr) + 16 * sizeof(Elf64_Phdr);
    size_t n = guess < r->size ? guess : r->size;

    im->r = r;
    if (n < sizeof(im->ehdr) || !get(r, 0, &im->ehdr, n) ||
        im->ehdr.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    im->phnum = im->ehdr.e_phnum < PHDRS_MAX ? im->ehdr.e_phnum : PHDRS_MAX;
    if (im->ehdr.e_phoff == sizeof(im->ehdr) &&
        sizeof(im->ehdr) + im->phnum * sizeof(Elf64_Phdr) <= n)
        return true;
    return get(r, im->ehdr.e_phoff, im->phdr, im->phnum * sizeof(Elf64_Phdr));
}

static bool to_offset(const struct image *im, uint64_t vaddr, uint64_t *offset)
{
    for (unsigned i = 0; i < im->phnum; i++) {
        const Elf64_Phdr *p = &im->phdr[i];
        if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr < p->p_filesz) {
            *offset = vaddr - p->p_vaddr + p->p_offset;
            return true;
        }
    }
    return false;
}

static bool to_vaddr(const struct image *im, uint64_t offset, uint64_t *vaddr)
{
    for (unsigned i = 0; i < im->phnum; i++) {
        const Elf64_Phdr *p = &im->phdr[i];
        if (p->p_type == PT_LOAD && offset >= p->p_offset && offset - p->p_offset < p->p_filesz) {
            *vaddr = offset - p->p_offset + p->p_vaddr;
            return true;
        }
    }
    return false;
}

/* Length of the code of the FDE at `fde`: its second pointer, in the CIE's size.  Only
 * the pc-relative 4-byte form all compilers write. */
static bool fde_length(const struct image *im, uint64_t fde, uint64_t *length)
{
    uint64_t at;
    struct {
        uint32_t length, cie, pc, size;
    } f;

    if (!to_offset(im, fde, &at) || !get(im->r, at, &f, sizeof(f)) || f.length < 12 ||
        f.length == ~0U || f.cie == 0)
        return false;
    *length = f.size;
    return f.size > 0;
}

struct table {
    const struct image *im;
    uint64_t at;   /* offset of the first entry in the file */
    uint64_t base; /* what the numbers are relative to */
    uint64_t lo, hi;
};

static uint64_t entry_start(const struct table *t, const int32_t *entry)
{
    return (uint64_t)((int64_t)t->base + entry[0]);
}

/* The last entry that begins at or before vaddr.  Probes until what is left fits into a
 * chunk: reading is what takes the time. */
static bool search(struct table *t, uint64_t vaddr, int32_t found[2])
{
    int32_t chunk[TABLE_CHUNK][2];
    size_t n;

    while (t->hi - t->lo > TABLE_CHUNK) {
        uint64_t mid = t->lo + (t->hi - t->lo) / 2;
        if (!get(t->im->r, t->at + mid * 8, chunk[0], 8))
            return false;
        if (entry_start(t, chunk[0]) <= vaddr)
            t->lo = mid;
        else
            t->hi = mid;
    }
    n = (size_t)(t->hi - t->lo);
    if (!get(t->im->r, t->at + t->lo * 8, chunk, n * 8))
        return false;
    while (n > 1 && entry_start(t, chunk[n - 1]) > vaddr)
        n--;
    found[0] = chunk[n - 1][0];
    found[1] = chunk[n - 1][1];
    return entry_start(t, found) <= vaddr;
}

static bool from_eh_frame(const struct image *im, uint64_t vaddr, uint64_t *start, uint64_t *end)
{
    struct {
        uint8_t version, ptr_enc, count_enc, table_enc;
        int32_t frame;
        uint32_t count;
    } h;
    const Elf64_Phdr *p = 0;
    uint64_t length;
    int32_t entry[2];

    for (unsigned i = 0; i < im->phnum; i++) {
        if (im->phdr[i].p_type == PT_GNU_EH_FRAME_)
            p = &im->phdr[i];
    }
    if (!p || !get(im->r, p->p_offset, &h, sizeof(h)) || h.version != 1 ||
        h.ptr_enc != DW_EH_PE_pcrel_sdata4 || h.count_enc != DW_EH_PE_udata4 ||
        h.table_enc != DW_EH_PE_datarel_sdata4 || h.count == 0)
        return false;
    struct table t = {im, p->p_offset + sizeof(h), p->p_vaddr, 0, h.count};
    if (!search(&t, vaddr, entry) ||
        !fde_length(im, (uint64_t)((int64_t)p->p_vaddr + entry[1]), &length))
        return false;
    *start = entry_start(&t, entry);
    *end = *start + length;
    return vaddr < *end;
}

static bool scan_symbols(const struct image *im, const Elf64_Shdr *s, uint64_t vaddr,
                         uint64_t *start, uint64_t *end)
{
    Elf64_Sym sym[SYMBOLS_CHUNK];
    uint64_t n = s->sh_size / sizeof(sym[0]);

    n = n < SYMBOLS_MAX ? n : SYMBOLS_MAX;
    for (uint64_t i = 0; i < n;) {
        uint64_t m = n - i < SYMBOLS_CHUNK ? n - i : SYMBOLS_CHUNK;
        if (!get(im->r, s->sh_offset + i * sizeof(sym[0]), sym, m * sizeof(sym[0])))
            return false;
        for (uint64_t k = 0; k < m; k++) {
            if ((sym[k].st_info & 15) == STT_FUNC_ && sym[k].st_shndx && vaddr >= sym[k].st_value &&
                vaddr - sym[k].st_value < sym[k].st_size) {
                *start = sym[k].st_value;
                *end = sym[k].st_value + sym[k].st_size;
                return true;
            }
        }
        i += m;
    }
    return false;
}

static bool from_symbols(const struct image *im, uint64_t vaddr, uint64_t *start, uint64_t *end)
{
    unsigned n = im->ehdr.e_shnum < SECTIONS_MAX ? im->ehdr.e_shnum : SECTIONS_MAX;
    Elf64_Shdr s;

    if (im->ehdr.e_shentsize != sizeof(s))
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (!get(im->r, im->ehdr.e_shoff + i * sizeof(s), &s, sizeof(s)))
            return false;
        if ((s.sh_type == SHT_SYMTAB || s.sh_type == SHT_DYNSYM) &&
            scan_symbols(im, &s, vaddr, start, end))
            return true;
    }
    return false;
}

bool code_range(const struct code_reader *r, uint64_t at, uint64_t *start, uint64_t *end)
{
    struct image im;
    uint64_t vaddr, s, e, last;

    if (!load(&im, r) || !to_vaddr(&im, at, &vaddr))
        return false;
    if (!from_eh_frame(&im, vaddr, &s, &e) && !from_symbols(&im, vaddr, &s, &e))
        return false;
    if (!to_offset(&im, s, start) || !to_offset(&im, e - 1, &last))
        return false;
    *end = last + 1;
    return *start <= at && at < *end;
}
