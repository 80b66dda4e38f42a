/* The memory of another process: /proc/PID/environ, cmdline, mem and process_vm_readv and
 * writev, whatever that process is doing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define SIZE (3 * 4096 + 100)

static char *area; /* private: each process has its own */

static ssize_t slurp(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    n = read(fd, text, size);
    close(fd);
    return n;
}

static void look(pid_t pid, char mark)
{
    char text[SIZE], path[64], big[SIZE];
    struct iovec local = {text, SIZE}, remote = {area, SIZE};
    int fd;

    memset(text, 0, sizeof(text));
    CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == SIZE);
    memset(big, mark, SIZE);
    CHECK(!memcmp(text, big, SIZE));
    text[0] = 'w';
    local.iov_len = remote.iov_len = 1;
    CHECK(process_vm_writev(pid, &local, 1, &remote, 1, 0) == 1);
    CHECK(area[0] == 'p'); /* ours is another */
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    CHECK(pread(fd, text, 2, (off_t)(unsigned long)area) == 2 && text[0] == 'w' && text[1] == mark);
    CHECK(pwrite(fd, &mark, 1, (off_t)(unsigned long)area) == 1);
    CHECK(pread(fd, text, SIZE, (off_t)(unsigned long)area) == SIZE && text[0] == mark);
    CHECK_ERR(pread(fd, text, 1, 4096), EIO);
    close(fd);
    remote.iov_base = (void *)4096;
    CHECK_ERR(process_vm_readv(pid, &local, 1, &remote, 1, 0), EFAULT);
}

static pid_t start(char mark, void (*what)(int), int arg)
{
    int fds[2];
    char c;
    pid_t pid;

    CHECK(pipe(fds) == 0);
    pid = fork();
    if (pid == 0) {
        memset(area, mark, SIZE);
        write(fds[1], &mark, 1);
        for (;;)
            what(arg);
    }
    CHECK(read(fds[0], &c, 1) == 1);
    close(fds[0]);
    close(fds[1]);
    return pid;
}

static void spin(int arg) { (void)arg; }
static void calls(int arg) { (void)arg, getppid(); }
static void sleeps(int arg) { (void)arg, pause(); }
static void polls(int arg)
{
    struct pollfd p = {arg, POLLIN, 0};
    poll(&p, 1, -1);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void states(void)
{
    int fds[2], status;
    pid_t pid;

    CHECK(pipe(fds) == 0);
    end((look(pid = start('a', spin, 0), 'a'), pid));
    end((look(pid = start('b', calls, 0), 'b'), pid));
    end((look(pid = start('c', sleeps, 0), 'c'), pid));
    end((look(pid = start('d', polls, fds[0]), 'd'), pid));
    pid = start('e', sleeps, 0);
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    look(pid, 'e');
    end(pid);
    close(fds[0]);
    close(fds[1]);
}

static void texts(const char *self)
{
    char text[4096] = "";
    int fds[2];
    char c;
    pid_t pid;

    CHECK(pipe(fds) == 0);
    pid = fork();
    if (pid == 0) {
        char number[16], *argv[] = {"name", "wait", number, NULL},
                         *env[] = {"ONE=1", "TWO=two", NULL};
        snprintf(number, sizeof(number), "%d", fds[1]);
        execve(self, argv, env);
        _exit(1);
    }
    CHECK(read(fds[0], &c, 1) == 1);
    CHECK(slurp(pid, "environ", text, sizeof(text)) == 14 && !memcmp(text, "ONE=1\0TWO=two", 14));
    CHECK(slurp(pid, "cmdline", text, sizeof(text)) > 10);
    CHECK(!memcmp(text, "chan", 4)); /* what the process made of its arguments */
    end(pid);
    pid = fork();
    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
    CHECK(slurp(pid, "cmdline", text, sizeof(text)) == 0);
    waitpid(pid, NULL, 0);
    struct iovec v = {text, 1}, w = {area, 1};
    CHECK_ERR(process_vm_readv(pid, &v, 1, &w, 1, 0), ESRCH);
}

/* Both look at each other all the time, and one ends in the middle of it. */
static void mutual(void)
{
    pid_t parent = getpid(), pid = fork();
    char text[SIZE];
    struct iovec local = {text, SIZE}, remote = {area, SIZE};

    if (pid == 0)
        for (;;)
            process_vm_readv(parent, &local, 1, &remote, 1, 0);
    for (int i = 0; i < 300; i++)
        CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == SIZE);
    kill(pid, SIGKILL);
    while (process_vm_readv(pid, &local, 1, &remote, 1, 0) > 0)
        ;
    CHECK(waitpid(pid, NULL, 0) == pid);
}

int main(int argc, char **argv)
{
    if (argc > 2) {
        memcpy(argv[0], "chan", 4);
        write(atoi(argv[2]), "x", 1);
        for (;;)
            pause();
    }
    area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 'p', SIZE);
    states();
    texts(argv[0]);
    mutual();
    return check_result();
}
