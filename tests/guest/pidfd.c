/* Descriptors of processes: open, poll, signal, wait, take a descriptor out. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static long pidfd_open(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }

int main(void)
{
    int pipes[2], byte = 0, child_fd = -1;
    siginfo_t info = {0};

    pipe(pipes);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(1);
    }
    int fd = (int)pidfd_open(pid, 0);
    struct pollfd p = {fd, POLLIN, 0};
    printf("open %d, cloexec %d, ready %d\n", fd >= 0, fcntl(fd, F_GETFD), poll(&p, 1, 0));
    long got = syscall(SYS_pidfd_getfd, fd, pipes[1], 0);
    write((int)got, "x", 1);
    read(pipes[0], &byte, 1);
    printf("byte through its descriptor: %c\n", byte);
    printf("bad descriptor: %ld %s\n", syscall(SYS_pidfd_getfd, fd, 999, 0), strerror(errno));
    printf("signal 0: %ld\n", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    printf("signal: %ld\n", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    printf("ready %d, %d\n", poll(&p, 1, 5000), p.revents);
    printf("waitid: %d", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    printf(" code %d status %d same %d\n", info.si_code, info.si_status, info.si_pid == pid);
    printf("gone: %ld %s\n", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), strerror(errno));
    printf("nobody: %ld %s\n", pidfd_open(pid, 0), strerror(errno));
    char dir[32];
    snprintf(dir, sizeof(dir), "/proc/%d", getpid());
    int directory = open(dir, O_RDONLY | O_DIRECTORY);
    printf("directory: %ld\n", syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0));
    int root = open("/proc", O_RDONLY | O_DIRECTORY);
    printf("another: %ld %s\n", syscall(SYS_pidfd_send_signal, root, 0, NULL, 0), strerror(errno));
    printf("negative: %ld %s\n", pidfd_open(-1, 0), strerror(errno));

    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&child_fd, .exit_signal = SIGCHLD};
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(9);
    printf("clone3: %d, wait %d", child_fd >= 0, waitid(P_PIDFD, (id_t)child_fd, &info, WEXITED));
    printf(" status %d\n", info.si_status);
    int nb = (int)pidfd_open(getpid(), O_NONBLOCK);
    printf("own: %d, wait %d %s\n", nb >= 0, waitid(P_PIDFD, (id_t)nb, &info, WEXITED),
           strerror(errno));
    return 0;
}
