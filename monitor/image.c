/* Finds the inside image in this executable, checks it and maps it.
 *
 * The image is part of the executable and trusted; the checks are for builds that went
 * wrong, so that they end in a message and not in a wild jump.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../abi/layout.h"

extern const uint8_t inside_image_start[], inside_image_end[];

#define IMAGE_DATA (SEG_BASE + SEG_DATA)

static const Elf64_Phdr *segments(const struct image *image, size_t *count)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image->bytes;

    *count = eh->e_phnum;
    return (const Elf64_Phdr *)(image->bytes + eh->e_phoff);
}

static bool text_ok(const Elf64_Phdr *ph)
{
    return !(ph->p_flags & PF_W) && ph->p_vaddr >= IMAGE_BASE &&
           ph->p_vaddr + ph->p_memsz <= HOSTVDSO_BASE &&
           ph->p_memsz <= ((ph->p_filesz + PAGE_SIZE - 1) & PAGE_MASK) &&
           ph->p_vaddr % PAGE_SIZE == 0 && ph->p_offset % PAGE_SIZE == 0;
}

static bool data_ok(const Elf64_Phdr *ph)
{
    return (ph->p_flags & PF_W) && !(ph->p_flags & PF_X) && ph->p_vaddr >= IMAGE_DATA &&
           ph->p_memsz >= ph->p_filesz && ph->p_vaddr + ph->p_memsz <= SEG_BASE + SEG_HEAP;
}

static bool layout_ok(const struct image *image)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image->bytes;
    size_t count;

    if (image->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
        eh->e_machine != EM_X86_64 || eh->e_phentsize != sizeof(Elf64_Phdr) ||
        eh->e_phoff > image->size || eh->e_phnum > (image->size - eh->e_phoff) / sizeof(Elf64_Phdr))
        return false;
    const Elf64_Phdr *ph = segments(image, &count);
    bool gate = false;
    for (size_t i = 0; i < count; i++) {
        if (ph[i].p_type != PT_LOAD || ph[i].p_memsz == 0)
            continue;
        if (ph[i].p_offset > image->size || ph[i].p_filesz > image->size - ph[i].p_offset ||
            !(text_ok(&ph[i]) || data_ok(&ph[i])))
            return false;
        if (ph[i].p_vaddr == IMAGE_BASE && ph[i].p_filesz >= GATE_SIZE) {
            gate = true;
            memcpy((void *)&image->header, image->bytes + ph[i].p_offset + IMAGE_HEADER_OFFSET,
                   sizeof(image->header));
        }
    }
    return gate && image->header.magic == IMAGE_MAGIC;
}

/* Where in the executable file a byte of this program comes from. */
static int file_offset(const uint8_t *p, uint64_t *offset)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t bias = 0;

    if (!ph)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (ph[i].p_type == PT_PHDR)
            bias = (uintptr_t)ph - ph[i].p_vaddr;
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = bias + ph[i].p_vaddr;
        if (ph[i].p_type == PT_LOAD && (uintptr_t)p >= start &&
            (uintptr_t)p < start + ph[i].p_filesz) {
            *offset = ph[i].p_offset + ((uintptr_t)p - start);
            return 0;
        }
    }
    return -1;
}

int image_find(struct image *image, struct error *err)
{
    image->bytes = inside_image_start;
    image->size = (uint64_t)(inside_image_end - inside_image_start);
    if (!layout_ok(image) || file_offset(image->bytes, &image->file_offset) < 0 ||
        image->file_offset % PAGE_SIZE) {
        error_set(err, 0, "the library OS inside this executable is not usable");
        return error_hint(err, "build Bailey again");
    }
    return 0;
}

/* Four sums over interleaved words: a build differs in all of them. */
void image_identity(uint8_t id[32])
{
    const uint64_t size = (uint64_t)(inside_image_end - inside_image_start);
    static uint64_t sum[4] = {0, 1, 2, 3};
    static bool known;

    sum[0] = known ? sum[0] : size;
    for (uint64_t i = 0; !known && i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, inside_image_start + i, 8);
        uint64_t *to = &sum[i / 8 % 4];
        *to = (*to ^ word) * 0x100000001b3u;
        *to ^= *to >> 29;
    }
    known = true;
    memcpy(id, sum, 32);
}

void image_copy_data(const struct image *image, uint8_t *segment)
{
    size_t count;
    const Elf64_Phdr *ph = segments(image, &count);

    for (size_t i = 0; i < count; i++)
        if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_W))
            memcpy(segment + (ph[i].p_vaddr - SEG_BASE), image->bytes + ph[i].p_offset,
                   ph[i].p_filesz);
}

int image_map_text(const struct image *image, int exe_fd)
{
    size_t count;
    const Elf64_Phdr *ph = segments(image, &count);

    for (size_t i = 0; i < count; i++) {
        if (ph[i].p_type != PT_LOAD || (ph[i].p_flags & PF_W) || ph[i].p_memsz == 0)
            continue;
        int prot = PROT_READ | (ph[i].p_flags & PF_X ? PROT_EXEC : 0);
        void *at = (void *)ph[i].p_vaddr;
        if (mmap(at, ph[i].p_memsz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
                 exe_fd, (off_t)(image->file_offset + ph[i].p_offset)) != at)
            return -errno;
        /* The kernel copies page tables at fork only for mappings that own a page of their own;
         * without that, every forked process would fault the text in again, piece by piece.  So
         * the last page becomes one, by a write that changes nothing, before the others are
         * there, whose protection would have to change as well. */
        volatile char *last = (char *)at + ph[i].p_memsz - 1;
        char same = *last;
        *last = same;
        if (mprotect(at, ph[i].p_memsz, prot))
            return -errno;
        madvise(at, ph[i].p_memsz, MADV_POPULATE_READ); /* else they come by faults */
    }
    return 0;
}
