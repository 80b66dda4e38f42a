/* run -d; see detach.h.
 *
 * What goes wrong before the program runs is said by the detached process on what is
 * already its standard error, the log; the caller prints that.
 */
#define _GNU_SOURCE
#include "detach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "complain.h"

static int null = -1; /* opened before it might be out of reach */

void detach_prepare(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *d;

    while (dir && (d = readdir(dir))) {
        int fd = atoi(d->d_name);
        if (fd > STDERR_FILENO && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            close(fd);
    }
    if (dir)
        closedir(dir);
    if (null < 0)
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void become_detached(int log, const int *fds, int count)
{
    if (null < 0)
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            dup3(log, fds[i], O_CLOEXEC);
}

static void print_log(int log)
{
    char text[4096];
    off_t at = 0;

    for (ssize_t n; (n = pread(log, text, sizeof(text), at)) > 0; at += n)
        if (write(STDERR_FILENO, text, (size_t)n) < 0)
            return;
}

/* 0: it runs; otherwise how it failed. */
static int await_start(int news, const struct registration *r, int log)
{
    const char *name = r->entry.name;
    int code = CLI_FAILED;
    ssize_t n;

    do
        n = read(news, &code, sizeof(code));
    while (n < 0 && errno == EINTR);
    if (n == sizeof(code) && code == 0)
        return r->unnamed || (puts(name) >= 0 && fflush(stdout) == 0) ? 0 : CLI_FAILED;
    print_log(log);
    return n == sizeof(code) ? code : complain(name, NULL, "it was killed while it was starting");
}

/* A process may start many: what is left open here each later one would have as well. */
static void close_all(int log, const int news[2])
{
    const int fds[] = {log, news[0], news[1]};

    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int detach(struct registration *r, const int *fds, int count)
{
    int log = openat(r->entry.dir, "log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int news[2] = {-1, -1};
    pid_t pid = -1;
    int code;

    if (log >= 0 && pipe2(news, O_CLOEXEC) == 0)
        pid = fork();
    if (pid < 0) {
        code = complain_process(r->entry.name, errno);
        registration_forget(r);
        close_all(log, news);
        return code;
    }
    if (pid == 0) {
        if (!r->unnamed)
            detach_prepare();
        become_detached(log, fds, count);
        close(log);
        close(news[0]);
        r->news = news[1];
        return -1;
    }
    entry_close(&r->entry); /* the lock is the other's now */
    close(r->listener);
    close(news[1]); /* so that its death is seen */
    news[1] = -1;
    if (r->meanwhile)
        r->meanwhile(r->context);
    code = await_start(news[0], r, log);
    close_all(log, news);
    return code;
}

void detach_end(struct registration *r, int exit_code)
{
    if (r->news >= 0 && write(r->news, &exit_code, sizeof(exit_code)) < 0)
        return;
}
