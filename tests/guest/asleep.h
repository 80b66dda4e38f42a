/* Waiting for a process to sleep in the call it was told to make. */
#ifndef GUEST_ASLEEP_H
#define GUEST_ASLEEP_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The letter of proc(5), or 0. */
static inline int process_state(pid_t pid)
{
    char path[32], line[256] = "";
    const char *end = NULL;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(line, sizeof(line), f))
        end = strrchr(line, ')');
    if (f)
        fclose(f);
    return end ? end[2] : 0;
}

/* Until pid sleeps, as far as can be seen from here: it may be in another call before. */
static inline void let_sleep(pid_t pid)
{
    for (int i = 0, times = 0; i < 30000 && times < 20; i++) {
        times = process_state(pid) == 'S' ? times + 1 : 0;
        usleep(1000);
    }
}

#endif
