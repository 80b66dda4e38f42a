/* Unmaps everything near the program's libraries that the program does not know of:
 * nothing the system put there may be needed for system calls. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct range {
    uintptr_t start, end;
};

int main(void)
{
    struct range r[256];
    struct stat st;
    int n = 0;
    char line[512];

    for (int i = 0; i < 50; i++) { /* sites get hot */
        stat("/", &st);
        getppid();
    }
    FILE *f = fopen("/proc/self/maps", "r");
    while (n < 256 && fgets(line, sizeof(line), f))
        n += sscanf(line, "%lx-%lx", &r[n].start, &r[n].end) == 2;
    fclose(f);
    for (int i = 0; i + 1 < n; i++) { /* the gaps: at most 16 MB each side */
        uintptr_t from = r[i].end, to = r[i + 1].start;
        if (to - from > 32 << 20 || to <= from)
            continue;
        munmap((void *)from, to - from);
    }
    for (int i = 0; i < n; i++) {
        if (r[i].start > 0x700000000000 && (i == 0 || r[i].start - r[i - 1].end > 32 << 20) &&
            !strstr(line, "stack")) {
            munmap((void *)(r[i].start - (16 << 20)), 16 << 20);
            mmap((void *)(r[i].start - (4 << 20)), 4 << 20, PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
    }
    for (int i = 0; i < 50; i++) {
        if (stat("/", &st) || getppid() < 0)
            return 1;
    }
    puts("still here");
    return 0;
}
