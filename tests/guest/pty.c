/* Pseudo terminals: names, modes and the line discipline. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "terminal.h"

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

/* How long a read takes that gets `n` bytes, in milliseconds; the least of some tries, as a busy
 * machine may be late. */
static long quickest(int n)
{
    struct timespec start;
    long ms, least = 1 << 30;
    char c[8];

    for (int i = 0; i < 5 && least >= 1500; i++) {
        if (n)
            type("abc");
        clock_gettime(CLOCK_MONOTONIC, &start);
        CHECK(read(slave, c, sizeof(c)) == n);
        ms = elapsed_ms(&start);
        least = ms < least ? ms : least;
    }
    return least;
}

static void test_raw(void)
{
    struct pollfd p;
    char c[64];
    long ms;
    int n;

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
    ms = quickest(0);
    CHECK(ms >= 190 && ms < 1500);
    set_raw(5, 0);
    type("abc");
    settle();
    CHECK(poll(&p, 1, 0) == 0);
    type("de");
    CHECK(poll(&p, 1, 20000) == 1 && read(slave, c, 8) == 5);
    set_raw(5, 1);
    ms = quickest(3);
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
    EVENTUALLY(ioctl(slave, FIONREAD, &n) == 0 && n == 3);
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
    EVENTUALLY(poll(&p, 1, 0) == 0);
    CHECK_ERR(write(slave, "x", 1), EAGAIN);
    type("\021");
    EVENTUALLY(poll(&p, 1, 0) == 1);
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
    CHECK(poll(&p, 1, 20000) == 1 && (p.revents & POLLPRI));
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

int main(void)
{
    alarm(300);
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
    return check_result();
}
