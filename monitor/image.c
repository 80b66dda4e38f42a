/* Finds the inside image in this executable and maps it.
 *
 * The image is part of the executable and trusted: that it is laid out as abi/layout.h says, its
 * linker script sees to.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../abi/layout.h"

extern const uint8_t inside_image_start[];

enum { TEXT, DATA }; /* its segments, as pal/inside.lds lists them */

static const Elf64_Phdr *segment(const struct image *image, int which)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)image->bytes;

    return (const Elf64_Phdr *)(image->bytes + eh->e_phoff) + which;
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
    memcpy(&image->header, image->bytes + segment(image, TEXT)->p_offset + IMAGE_HEADER_OFFSET,
           sizeof(image->header));
    if (image->header.magic != IMAGE_MAGIC || file_offset(image->bytes, &image->file_offset) < 0 ||
        image->file_offset % PAGE_SIZE) {
        error_set(err, 0, "the library OS inside this executable is not usable");
        return error_hint(err, "build Bailey again");
    }
    return 0;
}

void image_identity(uint8_t id[32])
{
    const struct image image = {.bytes = inside_image_start};
    const Elf64_Phdr *text = segment(&image, TEXT);
    const uint8_t *at = image.bytes + text->p_offset;
    const struct image_header *header = (const void *)(at + IMAGE_HEADER_OFFSET);
    const Elf64_Nhdr *note = (const void *)(at + (header->build_id - text->p_vaddr));

    memset(id, 0, 32);
    memcpy(id, (const uint8_t *)(note + 1) + note->n_namesz, note->n_descsz);
}

void image_copy_data(const struct image *image, uint8_t *to)
{
    const Elf64_Phdr *data = segment(image, DATA);

    memcpy(to + (data->p_vaddr - SEG_BASE), image->bytes + data->p_offset, data->p_filesz);
}

int image_map_text(const struct image *image, int exe_fd)
{
    const Elf64_Phdr *text = segment(image, TEXT);
    const uint64_t offset = image->file_offset + text->p_offset;
    void *at = (void *)IMAGE_BASE;

    if (mmap(at, text->p_memsz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, exe_fd,
             (off_t)offset) != at)
        return -errno;
    /* The kernel copies page tables at fork only for mappings that own a page of their own;
     * without that, every forked process would fault the text in again, piece by piece.  So
     * the last page becomes one, by a write that changes nothing, before the others are
     * there, whose protection would have to change as well. */
    volatile char *last = (char *)at + text->p_memsz - 1;
    char same = *last;
    *last = same;
    if (mprotect(at, text->p_memsz, PROT_READ | PROT_EXEC))
        return -errno;
    madvise(at, text->p_memsz, MADV_POPULATE_READ); /* else they come by faults */
    return 0;
}

void image_unmap_text(void) { munmap((void *)IMAGE_BASE, HOSTVDSO_BASE - IMAGE_BASE); }
