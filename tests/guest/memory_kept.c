/* Memory that is given back, moved and grown long after it was written: what comes of it must
 * not depend on whether the sandbox was saved and resumed in between (tests/save/run). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096UL
#define PAGES 64UL
#define SIZE  (PAGES * PAGE)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static const char *where;

static void expect(const unsigned char *p, size_t from, size_t to, int base, const char *what)
{
    for (size_t n = from; n < to; n++) {
        unsigned char want = base ? (unsigned char)(base + (int)n) : 0;
        for (size_t i = 0; i < PAGE; i += 512)
            if (p[n * PAGE + i] != want) {
                printf("%s: %s: page %zu is %u, not %u\n", where, what, n, p[n * PAGE + i], want);
                exit(1);
            }
    }
}

static void *must(void *p)
{
    if (p == MAP_FAILED) {
        perror(where);
        exit(1);
    }
    return p;
}

static unsigned char *anonymous(int base)
{
    unsigned char *p =
        must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    for (size_t n = 0; n < PAGES; n++)
        memset(p + n * PAGE, base + (int)n, PAGE);
    return p;
}

/* A private mapping of a file of ones, all written to but the last page. */
static unsigned char *of_file(int base)
{
    static unsigned char ones[SIZE];
    int fd = open("kept.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);

    memset(ones, 1, sizeof(ones));
    if (fd < 0 || write(fd, ones, sizeof(ones)) != sizeof(ones))
        exit(1);
    unsigned char *p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    close(fd);
    for (size_t n = 0; n < PAGES; n++)
        memset(p + n * PAGE, base + (int)n, PAGE);
    return p;
}

static void only_ones(const unsigned char *p, size_t from, size_t to)
{
    for (size_t i = from * PAGE; i < to * PAGE; i += 512)
        if (p[i] != 1) {
            printf("%s: the file's page %zu has %u\n", where, i / PAGE, p[i]);
            exit(1);
        }
}

static void a_while(void) { usleep(60000); }

static void give_back(void)
{
    unsigned char *p = anonymous(7), *f = of_file(9);

    where = "give back";
    a_while();
    madvise(p + 8 * PAGE, 16 * PAGE, MADV_DONTNEED);
    madvise(f + 8 * PAGE, 16 * PAGE, MADV_DONTNEED);
    for (int i = 0; i < 2; i++, a_while()) {
        expect(p, 0, 8, 7, "kept");
        expect(p, 8, 24, 0, "given back");
        expect(p, 24, PAGES, 7, "kept behind");
        expect(f, 0, 8, 9, "kept of the file");
        only_ones(f, 8, 24);
        expect(f, 24, PAGES, 9, "kept behind of the file");
    }
    memset(p + 10 * PAGE, 17, PAGE);
    a_while();
    expect(p, 10, 11, 7, "written again");
    munmap(p, SIZE);
    munmap(f, SIZE);
}

static void grow_and_move(void)
{
    unsigned char *p = anonymous(20), *q;

    where = "grow and move";
    a_while();
    p = must(mremap(p, SIZE, 2 * SIZE, MREMAP_MAYMOVE));
    expect(p, 0, PAGES, 20, "grown");
    expect(p, PAGES, 2 * PAGES, 0, "new");
    a_while();
    q = must(mmap(NULL, 4 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    p = must(mremap(p, 2 * SIZE, 4 * SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, q));
    expect(p, 0, PAGES, 20, "moved");
    expect(p, PAGES, 4 * PAGES, 0, "new behind");
    a_while();
    p = must(mremap(p, 4 * SIZE, SIZE / 2, 0));
    a_while();
    p = must(mremap(p, SIZE / 2, SIZE, MREMAP_MAYMOVE));
    expect(p, 0, PAGES / 2, 20, "shrunk");
    expect(p, PAGES / 2, PAGES, 0, "grown again");
    munmap(p, SIZE);
}

static void move_and_keep(void)
{
    unsigned char *p = anonymous(30), *q;

    where = "move and keep";
    a_while();
    q = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    if (q == MAP_FAILED) /* an older kernel */
        q = anonymous(30);
    else
        expect(p, 0, PAGES, 0, "left behind");
    expect(q, 0, PAGES, 30, "moved");
    munmap(p, SIZE);
    munmap(q, SIZE);
}

static void protect_and_fork(void)
{
    unsigned char *p = anonymous(40), *w = anonymous(50);
    int status = -1;

    where = "protect and fork";
    madvise(w, SIZE, MADV_WIPEONFORK);
    mprotect(p + 8 * PAGE, 8 * PAGE, PROT_NONE);
    mprotect(p + 32 * PAGE, 8 * PAGE, PROT_READ);
    a_while();
    fflush(stdout);
    if (fork() == 0) {
        expect(w, 0, PAGES, 0, "wiped");
        expect(p, 0, 8, 40, "the child's");
        memset(p, 0, PAGE);
        a_while();
        mprotect(p, SIZE, PROT_READ);
        expect(p, 1, PAGES, 40, "the child's, all of it");
        exit(0);
    }
    wait(&status);
    expect(w, 0, PAGES, 50, "the parent's");
    mprotect(p, SIZE, PROT_READ | PROT_WRITE);
    expect(p, 0, PAGES, 40, "the parent's, all of it");
    printf("child %d\n", status);
    munmap(p, SIZE);
    munmap(w, SIZE);
}

static void heap_and_advice(void)
{
    unsigned char *start = sbrk(0), *p = anonymous(60);

    where = "heap and advice";
    if (sbrk((long)SIZE) == (void *)-1)
        exit(1);
    memset(start, 5, SIZE);
    a_while();
    sbrk(-(long)SIZE / 2);
    sbrk((long)SIZE);
    for (size_t i = 0; i < SIZE / 2; i += 512)
        if (start[i] != 5)
            exit(2);
    for (size_t i = SIZE / 2; i < SIZE + SIZE / 2; i += 512)
        if (start[i] != 0)
            exit(3);
    madvise(p, SIZE / 2, MADV_FREE);
    madvise(p, SIZE, MADV_WILLNEED);
    expect(p, PAGES / 2, PAGES, 60, "not freed");
    a_while();
    memset(p, 61, PAGE);
    expect(p, PAGES / 2, PAGES, 60, "still not freed");
    sbrk(-(long)(SIZE + SIZE / 2));
    munmap(p, SIZE);
}

int main(void)
{
    for (int round = 0; round < 3; round++) {
        give_back();
        grow_and_move();
        move_and_keep();
        protect_and_fork();
        heap_and_advice();
        printf("round %d\n", round);
    }
    unlink("kept.tmp");
    return 0;
}
