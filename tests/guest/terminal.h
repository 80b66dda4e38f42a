/* A pseudo terminal to try things on: master and slave, and what its tests share. */
#ifndef GUEST_TERMINAL_H
#define GUEST_TERMINAL_H

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

static int master, slave;
static struct termios start_modes;

static void make_pair(void)
{
    int zero = 0, n = -1;
    char name[64], expect[64];

    master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0);
    CHECK(ioctl(master, TIOCGPTN, &n) == 0);
    CHECK(ptsname_r(master, name, sizeof(name)) == 0);
    snprintf(expect, sizeof(expect), "/dev/pts/%d", n);
    CHECK(strcmp(name, expect) == 0);
    CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO); /* locked */
    CHECK(ioctl(master, TIOCSPTLCK, &zero) == 0);
    slave = open(name, O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
    CHECK(tcgetattr(slave, &start_modes) == 0);
}

static void drop_pair(void)
{
    close(slave);
    close(master);
}

static void type(const char *s) { CHECK(write(master, s, strlen(s)) == (ssize_t)strlen(s)); }

/* Input goes to the slave a moment later on Linux, and so does what it changes. */
static void settle(void) { usleep(30000); }
#define EVENTUALLY(c)                                                                              \
    do {                                                                                           \
        for (int i_ = 0; i_ < 6000 && !(c); i_++)                                                  \
            usleep(5000);                                                                          \
        CHECK(c);                                                                                  \
    } while (0)

static int check_read(int fd, const char *what, int line)
{
    char buf[512];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = -1;
    size_t done = 0, len = strlen(what);

    settle();
    while (poll(&p, 1, done < len ? 20000 : 0) == 1 && done < sizeof(buf)) {
        n = read(fd, buf + done, sizeof(buf) - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done == len && memcmp(buf, what, len) == 0)
        return 1;
    fprintf(stderr, "line %d: got %zu bytes:", line, done);
    for (size_t i = 0; i < done; i++)
        fprintf(stderr, " %02x", (unsigned char)buf[i]);
    fprintf(stderr, "\n");
    check_failures++;
    return 0;
}
#define SCREEN(s) check_read(master, s, __LINE__)
#define INPUT(s)  check_read(slave, s, __LINE__)

static void change(tcflag_t lclear, tcflag_t lset)
{
    struct termios t;

    CHECK(tcgetattr(slave, &t) == 0);
    t.c_lflag = (t.c_lflag & ~lclear) | lset;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}

#endif
