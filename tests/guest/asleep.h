/* Waiting for a process to sleep in the call it was told to make. */
#ifndef GUEST_ASLEEP_H
#define GUEST_ASLEEP_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Until pid sleeps, as far as can be seen from here: it may be in another call before. */
static inline void let_sleep(pid_t pid)
{
    char path[32], line[256] = "";

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (int i = 0, times = 0; i < 30000 && times < 20; i++) {
        FILE *f = fopen(path, "r");
        const char *end = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;

        times = end && end[2] == 'S' ? times + 1 : 0;
        if (f)
            fclose(f);
        usleep(1000);
    }
}

#endif
