/* What the programs of tests/objects share: the moment at which they are saved. */
#ifndef OBJECTS_SAVING_H
#define OBJECTS_SAVING_H

#include <fcntl.h>
#include <unistd.h>

#include "../guest/check.h"

/* Returns in the original and in every copy; natively it does nothing. */
static inline void save(void)
{
    char answer[16];
    int fd = open("/dev/bailey/save", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    CHECK(read(fd, answer, sizeof(answer)) > 0);
    close(fd);
}

/* As /proc/self/task/TID/stat has it: 'S' asleep, 'D' where no signal wakes it; 0: gone. */
static inline char thread_state(pid_t tid)
{
    char path[64], text[256] = "";

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof(text) - 1);
    close(fd);
    char *state = strrchr(text, ')');
    return state ? state[2] : 0;
}

#endif
