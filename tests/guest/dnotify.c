/* F_NOTIFY: a signal when something happens in a directory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile int count, last_fd, last_code;
static volatile long last_band;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    last_fd = info->si_fd;
    last_code = info->si_code;
    last_band = info->si_band;
    count++;
}

static int told(void)
{
    int n = count;

    count = 0;
    return n;
}

static void touch(const char *name) { close(open(name, O_CREAT | O_WRONLY, 0644)); }

static int watch(unsigned mask)
{
    int fd = open("d", O_RDONLY | O_DIRECTORY);

    CHECK(fcntl(fd, F_SETSIG, SIGRTMIN + 1) == 0);
    CHECK(fcntl(fd, F_NOTIFY, mask) == 0);
    return fd;
}

static void kinds(void)
{
    int fd = watch(DN_CREATE | DN_MULTISHOT), file;

    CHECK(fcntl(fd, F_GETOWN) == getpid());
    touch("d/a");
    CHECK(told() == 1 && last_fd == fd && last_code == POLL_MSG);
    CHECK(last_band == (POLLIN | POLLRDNORM | POLLMSG));
    touch("d/b");
    CHECK(told() == 1);
    file = open("d/a", O_RDWR);
    CHECK(told() == 0);
    /* one file has one list of events: they add up */
    CHECK(fcntl(fd, F_NOTIFY, DN_MODIFY | DN_ACCESS | DN_MULTISHOT) == 0);
    write(file, "x", 1);
    CHECK(told() == 1);
    pread(file, &(char){0}, 1, 0);
    CHECK(told() == 1);
    ftruncate(file, 0);
    CHECK(told() == 1);
    touch("d/c");
    CHECK(told() == 1);
    CHECK(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT) == 0);
    fchmod(file, 0600);
    CHECK(told() == 1);
    CHECK(fcntl(fd, F_NOTIFY, 0) == 0);
    fchmod(file, 0644);
    CHECK(told() == 0);
    close(file);
    close(fd);
}

static void names(void)
{
    int fd = watch(DN_RENAME | DN_MULTISHOT);

    rename("d/a", "d/e");
    CHECK(told() == 1);
    rename("d/e", "e");
    CHECK(told() == 0);
    rename("e", "d/e");
    CHECK(told() == 0);
    CHECK(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT) == 0);
    unlink("d/e");
    CHECK(told() == 1);
    rename("d/b", "b");
    CHECK(told() == 1);
    mkdir("d/sub", 0755);
    CHECK(told() == 0);
    rmdir("d/sub");
    CHECK(told() == 1);
    CHECK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT) == 0);
    rename("b", "d/b");
    CHECK(told() == 1);
    symlink("x", "d/link");
    CHECK(told() == 1);
    link("d/b", "d/hard");
    CHECK(told() == 1);
    close(fd);
}

static void once(void)
{
    int fd = watch(DN_CREATE);

    touch("d/1");
    CHECK(told() == 1);
    touch("d/2");
    CHECK(told() == 0);
    CHECK(fcntl(fd, F_NOTIFY, DN_CREATE) == 0);
    touch("d/3");
    CHECK(told() == 1);
    CHECK(fcntl(fd, F_NOTIFY, DN_CREATE) == 0);
    close(fd);
    touch("d/4");
    CHECK(told() == 0);
}

/* A copy that is closed ends it, another process's copy doesn't. */
static void copies(void)
{
    int fd = watch(DN_CREATE | DN_MULTISHOT), two = dup(fd), st;

    if (fork() == 0) {
        close(fd);
        close(two);
        touch("d/5");
        _exit(told());
    }
    CHECK(wait(&st) > 0 && st == 0);
    CHECK(told() == 1);
    close(two);
    touch("d/6");
    CHECK(told() == 0);
    close(fd);
}

static void refused(void)
{
    int file = open("d/1", O_RDONLY), path = open("d", O_PATH);

    CHECK_ERR(fcntl(file, F_NOTIFY, DN_CREATE), ENOTDIR);
    CHECK_ERR(fcntl(path, F_NOTIFY, DN_CREATE), EBADF);
    CHECK_ERR(fcntl(99, F_NOTIFY, DN_CREATE), EBADF);
    CHECK(fcntl(file, F_NOTIFY, 0) == 0);
    close(file);
    close(path);
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGRTMIN + 1, &sa, NULL);
    mkdir("d", 0755);
    kinds();
    names();
    once();
    copies();
    refused();
    return check_result();
}
