/* Pseudo terminals: line discipline, modes, sessions and job control, hanging up. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
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

/* Input goes to the slave a moment later on Linux. */
static void settle(void) { usleep(30000); }

static int check_read(int fd, const char *what, int line)
{
    char buf[512];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = -1;
    size_t done = 0, len = strlen(what);

    settle();
    while (poll(&p, 1, done < len ? 2000 : 0) == 1 && done < sizeof(buf)) {
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

static void restore(void) { CHECK(tcsetattr(slave, TCSAFLUSH, &start_modes) == 0); }

static void test_names(void)
{
    struct stat st, m;
    char name[64];
    int peer, one = 1, value = 0;

    make_pair();
    ptsname_r(master, name, sizeof(name));
    CHECK(stat(name, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(st.st_uid == geteuid() && st.st_rdev >> 8 == 136);
    CHECK(fstat(slave, &m) == 0 && m.st_rdev == st.st_rdev && m.st_ino == st.st_ino);
    CHECK(strcmp(ttyname(slave), name) == 0);
    CHECK(fstat(master, &m) == 0 && m.st_rdev == 0x502);
    CHECK(isatty(master) && isatty(slave));
    CHECK(chmod(name, 0600) == 0 && stat(name, &st) == 0 && (st.st_mode & 07777) == 0600);
    peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK(peer >= 0 && fstat(peer, &m) == 0 && m.st_rdev == st.st_rdev);
    CHECK(write(peer, "x", 1) == 1);
    close(peer);
    SCREEN("x");
    CHECK_ERR(ioctl(slave, TIOCGPTN, &value), ENOTTY);
    CHECK(ioctl(master, TIOCGPTLCK, &value) == 0 && value == 0);
    CHECK(ioctl(master, TIOCPKT, &one) == 0 && ioctl(master, TIOCGPKT, &value) == 0 && value);
    CHECK(fcntl(slave, F_GETFL) == O_RDWR || fcntl(slave, F_GETFL) == (O_RDWR | 0100000));
    CHECK_ERR(lseek(slave, 0, SEEK_SET), ESPIPE);
    drop_pair();
    CHECK_ERR(stat(name, &st), ENOENT);
}

static void test_modes(void)
{
    make_pair();
    CHECK(start_modes.c_iflag == (ICRNL | IXON));
    CHECK(start_modes.c_oflag == (OPOST | ONLCR));
    CHECK((start_modes.c_cflag & ~(tcflag_t)CBAUD) == (CS8 | CREAD));
    CHECK(start_modes.c_lflag ==
          (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN));
    CHECK(memcmp(start_modes.c_cc, "\003\034\177\025\004\0\1\0\021\023\032\0\022\017\027\026",
                 17) == 0);
    CHECK(cfgetospeed(&start_modes) == B38400);
    struct termios t = start_modes, m;
    t.c_lflag &= ~(tcflag_t)ECHO;
    t.c_cflag = CS7 | PARENB | B9600;
    CHECK(tcsetattr(master, TCSANOW, &t) == 0 && tcgetattr(slave, &m) == 0);
    CHECK(!(m.c_lflag & ECHO) && (m.c_cflag & (CSIZE | PARENB)) == CS8);
    CHECK(cfgetospeed(&m) == B9600);
    drop_pair();
}

/* The forms of System V, and modes that are locked. */
static void test_old_modes(void)
{
    struct termio old, t;
    struct termios now, locked;

    make_pair();
    CHECK(ioctl(slave, TCGETA, &old) == 0);
    CHECK(old.c_lflag == (unsigned short)start_modes.c_lflag);
    CHECK(old.c_cc[VEOF] == start_modes.c_cc[VEOF] && old.c_cc[VINTR] == 3);
    t = old;
    t.c_lflag &= (unsigned short)~ECHO;
    t.c_cc[VINTR] = 7;
    CHECK(ioctl(slave, TCSETA, &t) == 0);
    tcgetattr(master, &now);
    CHECK(!(now.c_lflag & ECHO) && now.c_cc[VINTR] == 7 && now.c_iflag == start_modes.c_iflag);
    CHECK(now.c_cc[VSTART] == start_modes.c_cc[VSTART]);
    CHECK(ioctl(slave, TCSETAW, &old) == 0 && ioctl(slave, TCSETAF, &old) == 0);
    tcgetattr(slave, &now);
    CHECK(now.c_lflag == start_modes.c_lflag && now.c_cc[VINTR] == 3);
    CHECK_ERR(ioctl(slave, TCGETA, 8), EFAULT);
    CHECK_ERR(ioctl(slave, TCSETA, 8), EFAULT);

    memset(&locked, 1, sizeof(locked));
    CHECK(ioctl(slave, TIOCGLCKTRMIOS, &locked) == 0);
    CHECK(!locked.c_lflag && !locked.c_iflag && !locked.c_cc[VINTR]);
    locked.c_lflag = ECHO;
    if (ioctl(slave, TIOCSLCKTRMIOS, &locked) == 0) {
        now.c_lflag &= ~(tcflag_t)(ECHO | ECHOE);
        CHECK(tcsetattr(slave, TCSANOW, &now) == 0);
        tcgetattr(slave, &now);
        CHECK((now.c_lflag & ECHO) && !(now.c_lflag & ECHOE));
    } else {
        CHECK(errno == EPERM);
    }
    drop_pair();
}

static void test_canonical(void)
{
    int n = -1;
    char c[8];

    make_pair();
    type("ab");
    SCREEN("ab");
    CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 0);
    type("c\n");
    settle();
    CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 4);
    CHECK(ioctl(master, FIONREAD, &n) == 0);
    INPUT("abc\n");
    SCREEN("c\r\n");
    type("one\ntwo\r");
    settle();
    CHECK(read(slave, c, 2) == 2 && read(slave, c, 8) == 2 && c[1] == '\n');
    INPUT("two\n");
    SCREEN("one\r\ntwo\r\n");
    type("end\4");
    INPUT("end");
    type("\4");
    settle();
    CHECK(read(slave, c, 8) == 0);
    type("xy\4z\n"); /* an end of file behind a full buffer is not seen twice */
    settle();
    CHECK(read(slave, c, 2) == 2);
    CHECK(read(slave, c, 8) == 2 && c[0] == 'z');
    drop_pair();
}

static void test_editing(void)
{
    make_pair();
    type("abc\177\177x\n");
    INPUT("ax\n");
    SCREEN("abc\b \b\b \bx\r\n");
    type("one two_3 \027X\025Y\n");
    INPUT("Y\n");
    SCREEN("one two_3 \b \b\b \b\b \b\b \b\b \b\b \bX\b \b\b \b\b \b\b \b\b \bY\r\n");
    type("a\001\177b\n"); /* a control character takes two columns */
    INPUT("ab\n");
    SCREEN("a^A\b \b\b \bb\r\n");
    type("a\tb\177\177c\n"); /* a tab as many as it took */
    INPUT("ac\n");
    SCREEN("a\tb\b \b\b\b\b\b\b\b\bc\r\n");
    type("x\026\003y\026\177\n"); /* literal */
    INPUT("x\003y\177\n");
    SCREEN("x^\b^Cy^\b^?\r\n");
    type("ab\022c\n"); /* reprint */
    INPUT("abc\n");
    SCREEN("ab^R\r\nabc\r\n");
    type("\xc3\xa4\177z\n");
    INPUT("\xc3z\n");
    SCREEN("\xc3\xa4\b \bz\r\n");
    struct termios t = start_modes;
    t.c_iflag |= IUTF8;
    tcsetattr(slave, TCSANOW, &t);
    type("\xc3\xa4\177z\xe2\x82\xac\177\n");
    INPUT("z\n");
    SCREEN("\xc3\xa4\b \bz\xe2\x82\xac\b \b\r\n");
    restore();
    change(ECHOE, 0);
    type("ab\177c\n");
    INPUT("ac\n");
    SCREEN("ab^?c\r\n");
    change(ECHOKE, ECHOE);
    type("ab\025c\n");
    INPUT("c\n");
    SCREEN("ab^U\r\nc\r\n");
    change(0, ECHOPRT);
    type("ab\177\177c\n");
    INPUT("c\n");
    SCREEN("ab\\ba/c\r\n");
    restore();
    change(ECHO, ECHONL);
    type("ab\177c\n");
    INPUT("ac\n");
    SCREEN("\r\n");
    drop_pair();
}

static void test_output(void)
{
    struct termios t;

    make_pair();
    t = start_modes;
    CHECK(write(slave, "a\nb\tc\r", 6) == 6);
    SCREEN("a\r\nb\tc\r");
    t.c_oflag = OPOST | XTABS | ONOCR;
    tcsetattr(slave, TCSANOW, &t);
    CHECK(write(slave, "ab\tc\n", 5) == 5);
    SCREEN("ab      c\n");
    t.c_oflag = OPOST | OCRNL;
    tcsetattr(slave, TCSANOW, &t);
    CHECK(write(slave, "a\rb", 3) == 3);
    SCREEN("a\nb");
    t.c_oflag = OPOST | OLCUC;
    tcsetattr(slave, TCSANOW, &t);
    CHECK(write(slave, "abC1", 4) == 4);
    SCREEN("ABC1");
    t.c_oflag = 0;
    tcsetattr(slave, TCSANOW, &t);
    CHECK(write(slave, "a\nb", 3) == 3);
    SCREEN("a\nb");
    t = start_modes;
    t.c_iflag = INLCR | IGNCR | ISTRIP;
    tcsetattr(slave, TCSANOW, &t);
    type("a\rb\xc1\n\4");
    INPUT("abA\r");
    SCREEN("abA^M");
    drop_pair();
}

static long elapsed_ms(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static void set_raw(int min, int time)
{
    struct termios t = start_modes;

    cfmakeraw(&t);
    t.c_cc[VMIN] = (cc_t)min;
    t.c_cc[VTIME] = (cc_t)time;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void test_raw(void)
{
    struct timespec start;
    struct pollfd p;
    char c[64];
    long ms;

    make_pair();
    p = (struct pollfd){.fd = slave, .events = POLLIN};
    set_raw(1, 0);
    type("a\r\003\xff");
    INPUT("a\r\003\xff");
    CHECK(write(slave, "\n", 1) == 1);
    SCREEN("\n");
    set_raw(0, 0);
    CHECK(read(slave, c, 8) == 0);
    set_raw(0, 2);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(read(slave, c, 8) == 0);
    ms = elapsed_ms(&start);
    CHECK(ms >= 190 && ms < 1500);
    set_raw(5, 0);
    type("abc");
    settle();
    CHECK(poll(&p, 1, 0) == 0);
    type("de");
    CHECK(poll(&p, 1, 1000) == 1 && read(slave, c, 8) == 5);
    set_raw(5, 1);
    type("abc");
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(read(slave, c, 8) == 3);
    ms = elapsed_ms(&start);
    CHECK(ms >= 90 && ms < 1500);
    fcntl(slave, F_SETFL, O_NONBLOCK);
    set_raw(1, 0);
    CHECK_ERR(read(slave, c, 8), EAGAIN);
    fcntl(master, F_SETFL, O_NONBLOCK);
    CHECK_ERR(read(master, c, 8), EAGAIN);
    /* What was typed in raw mode is a line afterwards. */
    type("raw");
    settle();
    restore();
    set_raw(1, 0);
    type("raw");
    settle();
    CHECK(tcsetattr(slave, TCSANOW, &start_modes) == 0);
    CHECK(read(slave, c, 8) == 3);
    drop_pair();
}

static void test_flow(void)
{
    struct pollfd p;

    make_pair();
    p = (struct pollfd){.fd = slave, .events = POLLOUT};
    fcntl(slave, F_SETFL, O_NONBLOCK);
    type("\023");
    settle();
    CHECK(poll(&p, 1, 0) == 0);
    CHECK_ERR(write(slave, "x", 1), EAGAIN);
    type("\021");
    settle();
    CHECK(poll(&p, 1, 0) == 1);
    CHECK(write(slave, "x", 1) == 1);
    SCREEN("x");
    CHECK(tcflow(slave, TCOOFF) == 0);
    CHECK_ERR(write(slave, "y", 1), EAGAIN);
    CHECK(tcflow(slave, TCOON) == 0);
    CHECK(write(slave, "y", 1) == 1);
    SCREEN("y");
    type("partial");
    settle();
    CHECK(tcflush(slave, TCIFLUSH) == 0);
    type("new\n");
    INPUT("new\n");
    CHECK(tcdrain(slave) == 0 && tcsendbreak(slave, 0) == 0);
    CHECK_ERR(tcflush(slave, 77), EINVAL);
    CHECK_ERR(ioctl(slave, 0x5499, 0), ENOTTY);
    drop_pair();
}

static void test_packet(void)
{
    int one = 1;

    make_pair();
    CHECK(ioctl(master, TIOCPKT, &one) == 0);
    CHECK(write(slave, "hi", 2) == 2);
    char c[16];
    CHECK(read(master, c, sizeof(c)) == 3 && c[0] == 0 && c[1] == 'h');
    CHECK(tcflush(slave, TCIFLUSH) == 0);
    struct pollfd p = {.fd = master, .events = POLLIN | POLLPRI};
    CHECK(poll(&p, 1, 1000) == 1 && (p.revents & POLLPRI));
    CHECK(read(master, c, sizeof(c)) == 1 && c[0] == TIOCPKT_FLUSHREAD);
    CHECK(tcflow(slave, TCOOFF) == 0 && read(master, c, 8) == 1 && c[0] == TIOCPKT_STOP);
    CHECK(tcflow(slave, TCOON) == 0 && read(master, c, 8) == 1 && c[0] == TIOCPKT_START);
    drop_pair();
}

static void test_long(void)
{
    static char big[6000];
    char buf[8192];
    ssize_t n;
    size_t total = 0;

    make_pair();
    change(ECHO, 0);
    memset(big, 'a', sizeof(big));
    CHECK(write(master, big, sizeof(big)) == sizeof(big));
    type("\n");
    settle();
    n = read(slave, buf, sizeof(buf));
    CHECK(n == 4096 && buf[4094] == 'a' && buf[4095] == '\n');
    set_raw(1, 0);
    pid_t pid = fork();
    if (pid == 0) { /* more than there is room for */
        for (int i = 0; i < 20; i++)
            if (write(slave, big, sizeof(big)) != sizeof(big))
                _exit(1);
        _exit(0);
    }
    while (total < 20 * sizeof(big) && (n = read(master, buf, sizeof(buf))) > 0)
        total += (size_t)n;
    CHECK(total == 20 * sizeof(big));
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    drop_pair();
}

/* ---- sessions ----------------------------------------------------------------------------- */

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
    for (n = 0; n < 50; n++) {
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
            usleep(20000);
            char c;
            c = open("/dev/tty", O_RDWR) < 0 && errno == ENXIO ? 'n' : 'y';
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
    CHECK(poll(&p, 1, 1000) == 1 && (p.revents & POLLHUP));
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
    usleep(100000);
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
    alarm(50);
    test_names();
    test_modes();
    test_old_modes();
    test_canonical();
    test_editing();
    test_output();
    test_raw();
    test_flow();
    test_packet();
    test_long();
    test_signals();
    test_jobs();
    test_leader();
    test_close();
    return check_result();
}
