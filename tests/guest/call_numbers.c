/* Numbers that are no system calls, and numbers of which only the lower half counts. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static const unsigned long nobodys[] = {
    ~0UL, 0xffffffff, 0x1ffffffff, 0x7fffffff, 0x80000000, 0xffffff00, 400, 423, 600, 1 << 20,
};

int main(void)
{
    for (int round = 0; round < 5; round++) { /* the first traps, later ones may not */
        for (size_t i = 0; i < sizeof(nobodys) / sizeof(*nobodys); i++)
            CHECK_ERR(syscall((long)nobodys[i], 1, 2, 3, 4, 5, 6), ENOSYS);
        CHECK(syscall((long)(0x100000000UL | SYS_getpid)) == getpid());
        CHECK(syscall((long)(0xdeadbeef00000000UL | SYS_getppid)) == getppid());
    }
    return check_result();
}
