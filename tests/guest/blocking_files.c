/* Reading, writing, moving bytes between pipes, opening FIFOs and locking files, when it has to
 * wait. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>

#include "blocking.h"

static int in = -1, out = -1, file = -1, spare[2] = {-1, -1}; /* closed before the next case */
static char buf[65536];
static struct iovec vec = {buf, 1};

static void clean(void)
{
    blocking_close(&in);
    blocking_close(&out);
    blocking_close(&file);
    blocking_close(&spare[0]);
    blocking_close(&spare[1]);
}

/* ---- something to read ---- */

static void empty_pipe(void)
{
    int p[2];

    clean();
    CHECK(pipe(p) == 0);
    in = p[0];
    out = p[1];
}

static void empty_fifo(void)
{
    clean();
    unlink("fifo");
    CHECK(mkfifo("fifo", 0600) == 0);
    in = open("fifo", O_RDWR);
    out = open("fifo", O_WRONLY);
}

static void empty_pair(void)
{
    int p[2];

    clean();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    in = p[0];
    out = p[1];
}

static void empty_event(void)
{
    clean();
    in = eventfd(0, 0);
    out = dup(in);
}

static void idle_timer(void)
{
    clean();
    in = timerfd_create(CLOCK_MONOTONIC, 0);
}

static void quiet_watch(void)
{
    clean();
    in = inotify_init();
    CHECK(inotify_add_watch(in, ".", IN_CREATE) >= 0);
    unlink("new");
}

static void terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    clean();
    CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
    in = open(ptsname(master), O_RDWR | O_NOCTTY);
    out = master;
}

static void master(void)
{
    terminal();
    file = in;
    in = out;
    out = file;
    file = -1;
}

static void awaited_signal(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    in = signalfd(-1, &set, 0);
}

static long read_one(void) { return read(in, buf, 1); }
static long read_event(void) { return read(in, buf, 8); }
static long read_many(void) { return read(in, buf, sizeof(buf)); }
static long read_vector(void) { return readv(in, &vec, 1); }
static long read_vector2(void) { return preadv2(in, &vec, 1, -1, 0); }

static void write_one(pid_t child) { CHECK(write(out, "\n", 1) == 1); }
static void write_event(pid_t child) { CHECK(write(out, &(uint64_t){5}, 8) == 8); }
static void create(pid_t child) { close(open("new", O_CREAT | O_RDWR, 0600)); }
static void send_awaited(pid_t child) { kill(child, SIGUSR2); }
static void start_timer(pid_t child)
{
    CHECK(timerfd_settime(in, 0, &(struct itimerspec){.it_value = {0, 1000}}, NULL) == 0);
}

/* ---- room to write ---- */

static void fill(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, buf, sizeof(buf)) > 0)
        ;
    while (write(fd, buf, 1) > 0)
        ;
    fcntl(fd, F_SETFL, 0);
}

static void full_pipe(void)
{
    empty_pipe();
    fill(out);
    file = open("data", O_RDONLY);
}

static void full_pair(void)
{
    empty_pair();
    fill(out);
}

static void full_event(void)
{
    clean();
    in = eventfd(0, 0);
    out = dup(in);
    CHECK(write(in, &(uint64_t){UINT64_MAX - 1}, 8) == 8);
}

static long write_a_byte(void) { return write(out, buf, 1); }
static long write_an_event(void) { return write(out, &(uint64_t){1}, 8); }
static long write_vector(void) { return writev(out, &vec, 1); }
static long write_vector2(void) { return pwritev2(out, &vec, 1, -1, 0); }
static void drain(pid_t child)
{
    fcntl(in, F_SETFL, O_NONBLOCK);
    while (read(in, buf, sizeof(buf)) > 0)
        ;
}
static void read_event_away(pid_t child) { CHECK(read(in, buf, 8) == 8); }

/* ---- between pipes ---- */

static void two_empty(void)
{
    empty_pipe();
    CHECK(pipe(spare) == 0);
}

static void full_and_one(void)
{
    full_pipe();
    CHECK(pipe(spare) == 0 && write(spare[1], "x", 1) == 1);
}

static long splice_from(void) { return splice(in, NULL, spare[1], NULL, 10, 0); }
static long splice_to(void) { return splice(spare[0], NULL, out, NULL, 10, 0); }
static long splice_file(void) { return splice(file, NULL, out, NULL, 10, 0); }
static long tee_from(void) { return tee(in, spare[1], 10, 0); }
static long tee_to(void) { return tee(spare[0], out, 10, 0); }
static long vmsplice_to(void) { return vmsplice(out, &vec, 1, 0); }
static long sendfile_to(void) { return sendfile(out, file, NULL, 10); }

/* ---- FIFOs ---- */

static void lonely_fifo(void)
{
    clean();
    unlink("fifo");
    CHECK(mkfifo("fifo", 0600) == 0);
}

static long opened(int fd) { return fd < 0 ? -1 : 0; }
static long open_reader(void) { return opened(open("fifo", O_RDONLY)); }
static long open_writer(void) { return opened(open("fifo", O_WRONLY)); }
static long open_at(void) { return opened(openat(AT_FDCWD, "fifo", O_WRONLY)); }
static long create_fifo(void) { return opened(creat("fifo", 0600)); }
static void come(pid_t child) { in = open("fifo", O_RDWR); }

/* ---- locks ---- */

static struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static void locked(void)
{
    clean();
    in = open("lock", O_CREAT | O_RDWR, 0600);
    CHECK(flock(in, LOCK_EX) == 0 && fcntl(in, F_SETLK, &whole) == 0);
}

static void open_anew(void)
{
    blocking_close(&in); /* or the child has the lock as well */
    file = open("lock", O_RDWR);
}
static long lock_file(void) { return flock(file, LOCK_EX); }
static long lock_range(void) { return fcntl(file, F_SETLKW, &whole); }
static long lock_description(void) { return fcntl(file, F_OFD_SETLKW, &whole); }
static void unlock(pid_t child) { blocking_close(&in); }

static const struct blocking cases[] = {
    {"read", "an empty pipe", empty_pipe, NULL, read_one, write_one, 1, GOES_ON, GOES_ON},
    {"read", "an empty FIFO", empty_fifo, NULL, read_one, write_one, 1, GOES_ON, GOES_ON},
    {"read", "a stream socket", empty_pair, NULL, read_one, write_one, 1, GOES_ON, GOES_ON},
    {"read", "an eventfd", empty_event, NULL, read_event, write_event, 8, GOES_ON, GOES_ON},
    {"read", "a timerfd", idle_timer, NULL, read_event, start_timer, 8, GOES_ON, GOES_ON},
    {"read", "a signalfd", clean, awaited_signal, read_many, send_awaited, 128, GOES_ON, GOES_ON},
    {"read", "inotify", quiet_watch, NULL, read_many, create, 32, GOES_ON, GOES_ON},
    {"read", "a terminal", terminal, NULL, read_one, write_one, 1, GOES_ON, GOES_ON},
    {"read", "a terminal's master", master, NULL, read_one, write_one, 1, GOES_ON, GOES_ON},
    {"readv", "an empty pipe", empty_pipe, NULL, read_vector, write_one, 1, GOES_ON, GOES_ON},
    {"preadv2", "an empty pipe", empty_pipe, NULL, read_vector2, write_one, 1, GOES_ON, GOES_ON},
    {"write", "a full pipe", full_pipe, NULL, write_a_byte, drain, 1, GOES_ON, GOES_ON},
    {"write", "a full stream socket", full_pair, NULL, write_a_byte, drain, 1, GOES_ON, GOES_ON},
    {"write", "a full eventfd", full_event, NULL, write_an_event, read_event_away, 8, GOES_ON,
     GOES_ON},
    {"writev", "a full pipe", full_pipe, NULL, write_vector, drain, 1, GOES_ON, GOES_ON},
    {"pwritev2", "a full pipe", full_pipe, NULL, write_vector2, drain, 1, GOES_ON, GOES_ON},
    {"splice", "an empty pipe", two_empty, NULL, splice_from, write_one, 1, GOES_ON, GOES_ON},
    {"splice", "a full pipe, from another", full_and_one, NULL, splice_to, drain, 1, GOES_ON,
     GOES_ON},
    {"splice", "a full pipe, from a file", full_pipe, NULL, splice_file, drain, 10, GOES_ON,
     GOES_ON},
    {"tee", "an empty pipe", two_empty, NULL, tee_from, write_one, 1, GOES_ON, GOES_ON},
    {"tee", "a full pipe", full_and_one, NULL, tee_to, drain, 1, GOES_ON, GOES_ON},
    {"vmsplice", "a full pipe", full_pipe, NULL, vmsplice_to, drain, 1, GOES_ON, GOES_ON},
    {"sendfile", "a full pipe", full_pipe, NULL, sendfile_to, drain, 10, GOES_ON, GOES_ON},
    {"open", "a FIFO's writer", lonely_fifo, NULL, open_reader, come, 0, GOES_ON, GOES_ON},
    {"open", "a FIFO's reader", lonely_fifo, NULL, open_writer, come, 0, GOES_ON, GOES_ON},
    {"openat", "a FIFO's reader", lonely_fifo, NULL, open_at, come, 0, GOES_ON, GOES_ON},
    {"creat", "a FIFO's reader", lonely_fifo, NULL, create_fifo, come, 0, GOES_ON, GOES_ON},
    {"flock", "a lock", locked, open_anew, lock_file, unlock, 0, GOES_ON, GOES_ON},
    {"fcntl", "F_SETLKW", locked, open_anew, lock_range, unlock, 0, GOES_ON, GOES_ON},
    {"fcntl", "F_OFD_SETLKW", locked, open_anew, lock_description, unlock, 0, GOES_ON, GOES_ON},
};

int main(void)
{
    int fd = open("data", O_CREAT | O_RDWR, 0600);

    CHECK(write(fd, buf, 100) == 100);
    close(fd);
    blocking_all(cases, sizeof(cases) / sizeof(cases[0]));
    clean();
    return check_result();
}
