/* main() of a fuzzer where there is no libFuzzer: every file of a corpus as it is, then
 * changed at random.   FUZZER CORPUS [ROUNDS [SEED]] */
#ifndef BAILEY_TESTS_FUZZ_MUTATE_H
#define BAILEY_TESTS_FUZZ_MUTATE_H
#ifndef WITH_LIBFUZZER

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"

#define FILES_MAX 256
#define BYTES_MAX (1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    uint8_t *bytes;
    size_t size;
} corpus[FILES_MAX];
static size_t corpus_count;
static void corpus_load(const char *directory)
{
    struct dirent **names;
    int n = scandir(directory, &names, NULL, alphasort); /* the same on every machine */

    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
        FILE *file = names[i]->d_name[0] == '.' ? NULL : fopen(path, "r");
        free(names[i]);
        if (!file)
            continue;
        if (corpus_count == FILES_MAX)
            abort();
        uint8_t *bytes = malloc(BYTES_MAX);
        corpus[corpus_count].size = fread(bytes, 1, BYTES_MAX, file);
        corpus[corpus_count++].bytes = bytes;
        fclose(file);
    }
    if (n >= 0)
        free(names);
}

/* A few bytes changed, inserted, removed, or taken from another file. */
static size_t mutate(uint8_t *to, size_t size)
{
    static const char odd[] = "\0\xff\x7f\x80{}[]\":,/-=@%.\n";

    for (uint64_t k = 1 + below(4); k > 0; k--) {
        size_t at = size ? below(size) : 0, n = 1 + below(8);
        switch (below(5)) {
        case 0:
            if (size)
                to[at] = (uint8_t)odd[below(sizeof(odd))];
            break;
        case 1:
            if (size)
                to[at] ^= (uint8_t)(1u << below(8));
            break;
        case 2:
            if (at + n <= size) {
                memmove(to + at, to + at + n, size - at - n);
                size -= n;
            }
            break;
        case 3:
            if (size + n <= BYTES_MAX) {
                memmove(to + at + n, to + at, size - at);
                memset(to + at, odd[below(sizeof(odd))], n);
                size += n;
            }
            break;
        default:
            for (size_t from = below(corpus_count), i = 0; i < n && at + i < size; i++)
                if (corpus[from].size > at + i)
                    to[at + i] = corpus[from].bytes[at + i];
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t input[BYTES_MAX];
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 10000;

    corpus_load(argc > 1 ? argv[1] : ".");
    if (!corpus_count) {
        fprintf(stderr, "no corpus\n");
        return 1;
    }
    if (argc > 3)
        random_state ^= strtoul(argv[3], NULL, 0) << 8;
    for (size_t i = 0; i < corpus_count; i++)
        LLVMFuzzerTestOneInput(corpus[i].bytes, corpus[i].size);
    for (unsigned long i = 0; i < rounds; i++) {
        size_t from = below(corpus_count), size = corpus[from].size;
        memcpy(input, corpus[from].bytes, size);
        LLVMFuzzerTestOneInput(input, mutate(input, size));
    }
    return 0;
}

#endif
#endif
