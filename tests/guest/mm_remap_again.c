/* Memory that was moved, grew in place, and moves again: its contents go along. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static int check(const char *p, int pages)
{
    for (int i = 0; i < pages; i++) {
        if (p[i * PAGE] != 'a' + i)
            return 0;
    }
    return 1;
}

int main(void)
{
    char *space = mmap(NULL, 256 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p, *q;

    p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++)
        p[i * PAGE] = (char)('a' + i);
    munmap(space, 256 * PAGE);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, space);
    printf("moved %d\n", q == space && check(q, 4));
    q = mremap(q, 4 * PAGE, 8 * PAGE, 0); /* in place, behind what was moved */
    printf("grown %d\n", q == space);
    for (int i = 4; i < 8; i++)
        q[i * PAGE] = (char)('a' + i);
    p = mremap(q, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, space + 64 * PAGE);
    printf("moved and grown %d\n", p == space + 64 * PAGE && check(p, 8));
    p[15 * PAGE] = 1;
    p = mremap(p, 16 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, space + 128 * PAGE);
    printf("moved and cut %d\n", p == space + 128 * PAGE && check(p, 8));
    p = mremap(p, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | 4 /* DONTUNMAP */);
    printf("moved and kept %d %d\n", check(p, 8), space[128 * PAGE]);
    return 0;
}
