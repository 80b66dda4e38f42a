/* clone with arguments that no thread could start with. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static long clone_tls(unsigned long flags, unsigned long tls)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, tls);

    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return pid;
}

int main(void)
{
    CHECK_ERR(clone_tls(CLONE_SETTLS, 1UL << 63), EPERM);
    CHECK_ERR(clone_tls(CLONE_SETTLS, 0x5ad8000000000000), EPERM);
    CHECK_ERR(clone_tls(CLONE_SETTLS, 0x7ffffffff000), EPERM);
    CHECK_ERR(clone_tls(CLONE_SETTLS, ~0UL), EPERM);
    CHECK(clone_tls(0, ~0UL) > 0);
    CHECK_ERR(clone_tls(CLONE_THREAD, 0), EINVAL);
    CHECK_ERR(clone_tls(CLONE_SIGHAND, 0), EINVAL);
    return check_result();
}
