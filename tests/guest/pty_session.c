/* Pseudo terminals: sessions, job control and hanging up. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "asleep.h"
#include "terminal.h"

static void on_signal(int sig)
{
    char c = sig == SIGINT     ? 'I'
             : sig == SIGQUIT  ? 'Q'
             : sig == SIGTSTP  ? 'Z'
             : sig == SIGWINCH ? 'W'
             : sig == SIGHUP   ? 'H'
             : sig == SIGCONT  ? 'C'
                               : '?';
    write(1, &c, 1);
}

static void session_child(void)
{
    static const int sigs[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP, SIGCONT};
    int fd, n;

    close(master);
    CHECK(setsid() > 0);
    CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_ERR(tcgetpgrp(slave), ENOTTY);
    CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
    CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
    CHECK(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid());
    fd = open("/dev/tty", O_RDWR);
    CHECK(fd >= 0 && tcgetpgrp(fd) == getpid() && strcmp(ttyname(fd), "/dev/tty") == 0);
    CHECK(write(fd, "T", 1) == 1);
    close(fd);
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
        signal(sigs[i], on_signal);
    for (n = 0; n < 3000; n++) { /* until it is killed */
        if (n == 0)
            write(slave, "R", 1);
        usleep(100000);
    }
    _exit(check_failures);
}

static void test_signals(void)
{
    int out[2], status;
    struct winsize w = {24, 80, 0, 0}, w2;

    pipe(out);
    make_pair();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        session_child();
    }
    close(out[1]);
    SCREEN("TR");
    type("\003");
    SCREEN("^C");
    check_read(out[0], "I", __LINE__);
    type("lost\034");
    SCREEN("^\\"); /* what was not yet shown is flushed */
    check_read(out[0], "Q", __LINE__);
    type("\032");
    SCREEN("^Z");
    check_read(out[0], "Z", __LINE__);
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
    CHECK(ioctl(slave, TIOCGWINSZ, &w2) == 0 && w2.ws_row == 24 && w2.ws_col == 80);
    check_read(out[0], "W", __LINE__);
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0); /* no change, no signal */
    change(ISIG, 0);
    type("\003");
    SCREEN("^C");
    check_read(out[0], "", __LINE__);
    CHECK(tcgetpgrp(master) == pid);
    CHECK_ERR(tcgetpgrp(slave), ENOTTY);
    close(master);
    char c[8];
    CHECK(read(slave, c, 1) == 0);
    CHECK_ERR(write(slave, "x", 1), EIO);
    CHECK_ERR(tcgetattr(slave, &start_modes), EIO);
    struct pollfd p = {.fd = slave, .events = POLLIN | POLLOUT};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT | POLLERR | POLLHUP));
    for (ssize_t n = 0; n < 2;)
        n += read(out[0], c + n, 1);
    CHECK(memchr(c, 'H', 2) && memchr(c, 'C', 2));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(out[0]);
    close(slave);
}

/* A job in the background reads, writes with TOSTOP, takes the foreground. */
static void job_control(void)
{
    int status, got[2], go[2];
    pid_t job;
    char c;

    pipe(got);
    pipe(go);
    close(master);
    setsid();
    CHECK(ioctl(slave, TIOCSCTTY, 0) == 0);
    signal(SIGTTOU, SIG_IGN);
    job = fork();
    if (job == 0) {
        signal(SIGTTOU, SIG_DFL);
        setpgid(0, 0);
        ssize_t n = read(slave, &c, 1); /* stops first */
        if (n != 1 || c != 'g')
            _exit(1);
        write(got[1], "g", 1);
        read(go[0], &c, 1);
        struct termios t;
        tcgetattr(slave, &t);
        if (tcsetattr(slave, TCSANOW, &t) != 0) /* stops */
            _exit(2);
        t.c_lflag |= TOSTOP;
        tcsetattr(slave, TCSANOW, &t);
        signal(SIGTTIN, SIG_IGN);
        if (tcgetpgrp(slave) != getpid())
            _exit(0);
        _exit(3);
    }
    setpgid(job, job);
    CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) &&
          WSTOPSIG(status) == SIGTTIN);
    CHECK(tcsetpgrp(slave, job) == 0 && tcgetpgrp(slave) == job);
    CHECK(write(slave, "go", 2) == 2);
    kill(-job, SIGCONT);
    CHECK(read(got[0], &c, 1) == 1);
    CHECK(tcsetpgrp(slave, getpid()) == 0);
    write(go[1], "g", 1);
    CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) &&
          WSTOPSIG(status) == SIGTTOU);
    signal(SIGTTOU, SIG_DFL);
    kill(-job, SIGKILL);
    CHECK(waitpid(job, &status, 0) == job);
    CHECK_ERR(tcsetpgrp(slave, 999999), ESRCH);
    CHECK_ERR(tcsetpgrp(slave, -3), EINVAL);
    signal(SIGHUP, SIG_IGN); /* for the foreground, which is us */
    CHECK(ioctl(slave, TIOCNOTTY) == 0);
    CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
    _exit(check_failures);
}

static void test_jobs(void)
{
    int status = -1;

    make_pair();
    pid_t pid = fork();
    if (pid == 0)
        job_control();
    SCREEN("go");
    usleep(100000);
    change(ECHO, 0);
    type("g\n");
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status)
        fprintf(stderr, "job control: status %x\n", status);
    CHECK(status == 0);
    drop_pair();
}

/* A session leader opens a terminal: it is its controlling one.  Its end frees it and
 * tells the foreground. */
static void test_leader(void)
{
    char name[64];
    int out[2], status = -1;

    make_pair();
    pipe(out);
    ptsname_r(master, name, sizeof(name));
    pid_t pid = fork();
    if (pid == 0) {
        close(slave);
        close(master);
        close(out[0]);
        setsid();
        int fd = open(name, O_RDWR);
        CHECK(fd >= 0 && tcgetsid(fd) == getpid());
        dup2(out[1], 1);
        close(out[1]);
        signal(SIGHUP, on_signal);
        sigset_t hup, old;
        sigemptyset(&hup);
        sigaddset(&hup, SIGHUP);
        sigprocmask(SIG_BLOCK, &hup, &old);
        if (fork() == 0) {
            write(1, "s", 1);
            sigsuspend(&old);
            char c = 'y';
            for (int i = 0; i < 3000 && c == 'y'; i++) { /* a moment after the signal */
                usleep(5000);
                c = open("/dev/tty", O_RDWR) < 0 && errno == ENXIO ? 'n' : 'y';
            }
            write(1, &c, 1);
            _exit(0);
        }
        usleep(100000);
        _exit(check_failures);
    }
    close(out[1]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    check_read(out[0], "sHn", __LINE__);
    CHECK_ERR(tcgetsid(master), ENOTTY);
    close(out[0]);
    drop_pair();
}

static void test_close(void)
{
    struct pollfd p;
    char c[8];

    make_pair();
    p = (struct pollfd){.fd = master, .events = POLLIN | POLLOUT};
    CHECK(write(slave, "last", 4) == 4);
    close(slave);
    CHECK(poll(&p, 1, 20000) == 1 && (p.revents & POLLHUP));
    CHECK(read(master, c, 8) == 4);
    CHECK_ERR(read(master, c, 8), EIO);
    CHECK(write(master, "w", 1) == 1); /* kept for who opens it next */
    settle();
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT));
    CHECK(write(slave, "x", 1) == 1);
    SCREEN("wx");
    pid_t pid = fork();
    if (pid == 0) { /* asleep in a read when the master goes */
        close(master);
        ssize_t n = read(slave, c, 8);
        _exit(n == -1 && errno == EIO ? 0 : 1);
    }
    int status = -1;
    let_sleep(pid);
    close(master);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(slave);
    master = posix_openpt(O_RDWR | O_NOCTTY);
    p.fd = master;
    CHECK(poll(&p, 1, 0) >= 0 && !(p.revents & POLLIN));
    close(master);
}

int main(void)
{
    alarm(300);
    test_signals();
    test_jobs();
    test_leader();
    test_close();
    return check_result();
}
