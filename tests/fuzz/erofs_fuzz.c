/* Fuzzes the two readers of image files: whatever an image says, each ends, stays inside it,
 * and what comes out is consistent.
 *
 * The library OS's (libos/fs/erofs_*.c, on the hosted contract's terms) walks the image as
 * programs would; the command line's (image/) loads it as `image build` and `verify` do.
 *
 * usage: erofs_fuzz CORPUS_DIR [ROUNDS [SEED]]
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined -DLIBFUZZER, and the same files.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../image/erofs_file.h"
#include "../../image/input.h"
#include "erofs_walk.h"

enum { IMAGE_MAX = 1 << 20 };

/* ---- the command line's reader ------------------------------------------------------------ */

static void load_outside(const uint8_t *data, size_t size)
{
    struct image_error err = {0};
    struct erofs_file file;
    struct tree tree;
    char path[64], *config = NULL;
    uint64_t spooled = 0;
    int fd = memfd_create("image", 0), spool = memfd_create("spool", 0);

    if (write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (erofs_file_open(&file, path, &err) == 0) {
        for (uint32_t n = 1; n < file.part_count; n++) /* its devices: the same bytes again */
            if (erofs_file_add(&file, n, path, &err) < 0)
                break;
        tree_init(&tree);
        input_image(&tree, &file, spool, &spooled, &err);
        erofs_file_config(&file, &config, &err);
        free(erofs_file_text(&file, "etc/passwd", 1 << 16));
        free(config);
        tree_free(&tree);
        erofs_file_close(&file);
    }
    close(fd);
    close(spool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that reading past it is seen */

    memcpy(exact, data, size);
    erofs_walk(exact, size & ~4095UL);
    free(exact);
    load_outside(data, size);
    return 0;
}

#ifndef LIBFUZZER
/* ---- mutations ------------------------------------------------------------------------------ */

static uint64_t state;

static uint32_t pick(uint32_t n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(state >> 33) % n;
}

/* Numbers that are wrong in interesting ways, at any place of the size of a field. */
static void mutate(uint8_t *data, size_t size)
{
    static const uint32_t odd[] = {0, 1, 11, 12, 255, 4095, 4096, 65535, 0x7fffffff, 0xffffffff};
    uint32_t changes = 1 + pick(1 + pick(16));

    while (changes--) {
        uint32_t width = 1U << pick(3), value = pick(3) ? odd[pick(10)] : pick(0xffffffff);
        size_t at = pick(4) ? 1024 + pick(128) : pick((uint32_t)size - 8);
        if (pick(3)) /* the inodes are behind the data */
            at = size - 1 - pick((uint32_t)(size < 8192 ? size - 8 : 8192));
        if (at + width > size)
            continue;
        if (pick(8) == 0 && at >= 64)
            memcpy(data + at, data + at - 64, width);
        else
            memcpy(data + at, &value, width);
    }
}

static size_t load(const char *dir, const char *name, uint8_t *to)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(to, 1, IMAGE_MAX, f) : 0;
    if (f)
        fclose(f);
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t original[IMAGE_MAX], mutant[IMAGE_MAX];
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000, files = 0;
    DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
    struct dirent *e;

    if (!d)
        return 2;
    state = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
    while ((e = readdir(d))) {
        size_t size = e->d_name[0] == '.' ? 0 : load(argv[1], e->d_name, original);
        if (size < 4096)
            continue;
        files++;
        LLVMFuzzerTestOneInput(original, size);
        for (unsigned long n = 0; n < rounds; n++) {
            memcpy(mutant, original, size);
            mutate(mutant, size);
            LLVMFuzzerTestOneInput(mutant, pick(20) ? size : pick((uint32_t)size));
        }
    }
    closedir(d);
    printf("%lu images, %lu mutations of each\n", files, rounds);
    return files ? 0 : 1;
}
#endif
