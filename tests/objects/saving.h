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

#endif
