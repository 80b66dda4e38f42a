/* Fuzzes the ELF parser: whatever the file says, what comes out is consistent.
 *
 * As a test it mutates itself and its interpreter for a while.  With libFuzzer:
 *     clang -g -fsanitize=fuzzer,address,undefined -DLIBFUZZER -DBAILEY_HOSTED \
 *         -iquote libos/include tests/unit/fuzz_elf.c libos/proc/elf.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "# broken: %s\n", what);
        abort();
    }
}

static void check_segment(const struct elf_header *h, const struct elf_segment *s, size_t size)
{
    must(s->memsz > 0 && s->filesz <= s->memsz, "sizes");
    must(s->offset <= size && s->filesz <= size - s->offset, "inside the file");
    must(s->vaddr < USER_MAX && s->memsz <= USER_MAX - s->vaddr, "inside user memory");
    must(s->vaddr % PAGE_SIZE == s->offset % PAGE_SIZE, "mappable");
    must(h->low <= s->vaddr && s->vaddr + s->memsz <= h->high, "inside the extent");
    must(s->prot <= 7, "rights");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size < ELF_HEADER_BYTES ? size : ELF_HEADER_BYTES;
    uint8_t *exact = malloc(n ? n : 1); /* so that reading past it is seen */
    struct elf_header h;

    memcpy(exact, data, n);
    long rc = elf_parse(exact, n, size, &h);
    free(exact);
    must(rc == 0 || rc == -8 || rc == -22, "result");
    if (rc)
        return 0;
    must(h.nsegments > 0 && h.nsegments <= ELF_SEGMENTS_MAX, "count");
    for (unsigned i = 0; i < h.nsegments; i++)
        check_segment(&h, &h.segments[i], size);
    must(h.low % PAGE_SIZE == 0 && h.high % PAGE_SIZE == 0 && h.low < h.high, "extent");
    must(h.interp_size == 0 || (h.interp_offset <= size && h.interp_size <= size - h.interp_offset),
         "interpreter");
    must((h.max_align & (h.max_align - 1)) == 0 && h.max_align >= PAGE_SIZE, "alignment");
    must(h.phdr_vaddr == 0 || (h.phdr_vaddr >= h.low && h.phdr_vaddr < h.high), "headers");
    return 0;
}

#ifndef LIBFUZZER
static uint8_t seed_file[65536], mutant[65536];

static size_t load(const char *path)
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(seed_file, 1, sizeof(seed_file), f) : 0;

    if (f)
        fclose(f);
    return n;
}

/* Values that are wrong in interesting ways. */
static uint64_t odd_value(void)
{
    static const uint64_t values[] = {0,     1,      ~0ULL,    1ULL << 63, USER_MAX,   USER_MAX - 1,
                                      0xfff, 0x1000, SEG_BASE, 0x7fffffff, 0xffffffff, 65536,
                                      65535};
    return rand() % 4 ? values[(size_t)rand() % (sizeof(values) / sizeof(values[0]))]
                      : ((uint64_t)rand() << 32 | (uint64_t)rand());
}

static size_t mutate(size_t n)
{
    memcpy(mutant, seed_file, n);
    for (int k = 1 + rand() % 4; k; k--) {
        size_t at = (size_t)rand() % (rand() % 4 ? 64 + 56 * 8 : 1024);
        uint64_t v = odd_value();
        if (rand() % 2) /* a whole field */
            memcpy(mutant + at / 8 * 8, &v, rand() % 2 ? 8 : 4);
        else
            mutant[at] = (uint8_t)v;
    }
    return rand() % 8 ? n : (size_t)rand() % (n + 1);
}

int main(void)
{
    static const char *const seeds[] = {"/proc/self/exe", "/bin/true",
                                        "/lib64/ld-linux-x86-64.so.2"};
    int parsed = 0;

    srand(11);
    printf("1..1\n");
    for (int i = 0; i < 3; i++) {
        struct elf_header h;
        size_t n = load(seeds[i]);
        if (n < 4096)
            continue;
        parsed += elf_parse(seed_file, ELF_HEADER_BYTES, 1UL << 30, &h) == 0;
        for (int round = 0; round < 100000; round++)
            LLVMFuzzerTestOneInput(mutant, mutate(n));
    }
    printf("%s 1 - elf_parse\n", parsed ? "ok" : "not ok");
    return !parsed;
}
#endif
