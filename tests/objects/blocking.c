/* Calls that sleep: each in a thread of its own while the sandbox is saved.
 *
 * Those with a timeout must end when it is over, as if nothing had been: not at once with EINTR,
 * and not a whole timeout later, which a witness shows that starts after the save and sleeps for
 * less.  Those without must still sleep, and end when what they wait for happens. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "saving.h"

#define TIMEOUT_MS 2500
#define SAVE_MS    2000 /* after the last has begun to sleep */
#define WITNESS_MS 1500

struct call {
    const char *name;
    long (*run)(struct call *c);
    void (*end)(struct call *c); /* makes what an untimed one waits for happen */
    long expected, result;
    int error, expected_error;
    int fd[2]; /* what it sleeps on, and the other end */
    int number;
    pthread_t thread;
    volatile pid_t tid;
    volatile bool ended;
    bool early; /* ended before the witness did */
    struct timespec begun;
};

static volatile bool witness_ended;

static struct timespec span(int ms) { return (struct timespec){ms / 1000, ms % 1000 * 1000000}; }

static struct timespec after(clockid_t clock, int ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static const struct timespec timeout = {TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000000};
static const struct timeval timeout_us = {TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000};

/* ---- with a timeout ------------------------------------------------------------------------ */

static long t_nanosleep(struct call *c) { return nanosleep(&timeout, NULL); }

static long until(clockid_t clock)
{
    struct timespec t = after(clock, TIMEOUT_MS);
    return clock_nanosleep(clock, TIMER_ABSTIME, &t, NULL);
}
static long t_monotonic(struct call *c) { return until(CLOCK_MONOTONIC); }
static long t_boottime(struct call *c) { return until(CLOCK_BOOTTIME); }
static long t_realtime(struct call *c) { return until(CLOCK_REALTIME); }

static long t_poll(struct call *c)
{
    struct pollfd p = {c->fd[0], POLLIN, 0};
    return poll(&p, 1, TIMEOUT_MS);
}
static long t_ppoll(struct call *c)
{
    struct pollfd p = {c->fd[0], POLLIN, 0};
    sigset_t none;
    sigemptyset(&none);
    return ppoll(&p, 1, &timeout, &none);
}
static long t_select(struct call *c)
{
    struct timeval t = timeout_us;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(c->fd[0], &set);
    return select(c->fd[0] + 1, &set, NULL, NULL, &t);
}
static long t_pselect(struct call *c)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(c->fd[0], &set);
    return pselect(c->fd[0] + 1, &set, NULL, NULL, &timeout, NULL);
}
static long epoll_on(int fd, int ms)
{
    struct epoll_event e = {EPOLLIN, {.fd = fd}};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    return epoll_wait(epoll, &e, 1, ms);
}
static long t_epoll(struct call *c) { return epoll_on(c->fd[0], TIMEOUT_MS); }

static uint32_t futex_words[8];
static long t_futex(struct call *c)
{
    return syscall(SYS_futex, &futex_words[0], FUTEX_WAIT, 0, &timeout, NULL, 0);
}
static long t_futex_until(struct call *c)
{
    struct timespec t = after(CLOCK_MONOTONIC, TIMEOUT_MS);
    return syscall(SYS_futex, &futex_words[1], FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, 1);
}
static long t_lock_pi(struct call *c)
{
    struct timespec t = after(CLOCK_REALTIME, TIMEOUT_MS);
    return syscall(SYS_futex, &futex_words[2], FUTEX_LOCK_PI, 0, &t);
}
static long t_condition(struct call *c)
{
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    struct timespec t = after(CLOCK_MONOTONIC, TIMEOUT_MS);
    pthread_mutex_lock(&m);
    return pthread_cond_clockwait(&never, &m, CLOCK_MONOTONIC, &t);
}
static sem_t empty_semaphore;
static long t_semaphore(struct call *c)
{
    struct timespec t = after(CLOCK_MONOTONIC, TIMEOUT_MS);
    return sem_clockwait(&empty_semaphore, CLOCK_MONOTONIC, &t);
}
static long t_semop(struct call *c)
{
    struct sembuf down = {0, -1, 0};
    return semtimedop(semget(IPC_PRIVATE, 1, 0600), &down, 1, &timeout);
}
static long t_signal(struct call *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMAX);
    return sigtimedwait(&set, NULL, &timeout);
}
static long t_queue(struct call *c)
{
    struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 8};
    struct timespec t = after(CLOCK_REALTIME, TIMEOUT_MS);
    char name[32], text[8];
    snprintf(name, sizeof(name), "/blocking-%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
    mq_unlink(name);
    return mq_timedreceive(q, text, 8, NULL, &t);
}
static long receive_for(int domain)
{
    int s[2];
    char text[8];
    socketpair(AF_UNIX, domain, 0, s);
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &timeout_us, sizeof(timeout_us));
    return recv(s[0], text, 8, 0);
}
static long t_recv(struct call *c) { return receive_for(SOCK_STREAM); }
static long t_recv_datagram(struct call *c) { return receive_for(SOCK_DGRAM); }
static long t_send(struct call *c)
{
    int s[2];
    static char much[4096];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    while (send(s[0], much, sizeof(much), MSG_DONTWAIT) > 0)
        ;
    setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &timeout_us, sizeof(timeout_us));
    return send(s[0], much, sizeof(much), 0);
}
static long t_accept(struct call *c)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    listen(s, 1);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout_us, sizeof(timeout_us));
    return accept(s, NULL, NULL);
}
static long t_timerfd(struct call *c)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec t = {.it_value = timeout};
    uint64_t n = 0;
    timerfd_settime(fd, 0, &t, NULL);
    return read(fd, &n, 8) == 8 ? (long)n : -1;
}
static long t_terminal(struct call *c)
{
    int master, slave;
    struct termios t;
    char text[8];
    openpty(&master, &slave, NULL, NULL, NULL);
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = TIMEOUT_MS / 100;
    tcsetattr(slave, TCSANOW, &t);
    return read(slave, text, 8);
}

/* ---- without ------------------------------------------------------------------------------ */

static void end_write(struct call *c) { CHECK(write(c->fd[1], "x", 1) == 1); }

static char one[8];
static long u_read(struct call *c) { return read(c->fd[0], one, 1); }
static long u_poll(struct call *c)
{
    struct pollfd p = {c->fd[0], POLLIN, 0};
    return poll(&p, 1, -1);
}
static long u_epoll(struct call *c) { return epoll_on(c->fd[0], -1); }
static long u_splice(struct call *c)
{
    int to[2];
    pipe(to);
    return splice(c->fd[0], NULL, to[1], NULL, 8, 0);
}
static long u_write(struct call *c)
{
    static char much[1 << 20];
    return write(c->fd[1], much, sizeof(much)); /* more than fits: some of it has been written */
}
static void end_write_full(struct call *c)
{
    static char much[1 << 16];
    for (long left = 1 << 20, n; left > 0; left -= n)
        if ((n = read(c->fd[0], much, sizeof(much))) <= 0)
            break;
}

static int event = -1;
static long u_eventfd(struct call *c)
{
    uint64_t n = 0;
    event = eventfd(0, 0);
    return read(event, &n, 8) == 8 ? (long)n : -1;
}
static void end_eventfd(struct call *c)
{
    uint64_t n = 5;
    write(event, &n, 8);
}

static long u_fifo(struct call *c)
{
    mkfifo("fifo", 0600);
    int fd = open("fifo", O_RDONLY);
    unlink("fifo");
    return read(fd, one, 1);
}
static void end_fifo(struct call *c)
{
    int fd = open("fifo", O_WRONLY);
    CHECK(write(fd, "x", 1) == 1);
}

static int listener = -1;
static struct sockaddr_un own_name;
static socklen_t own_length = sizeof(own_name);
static long u_accept(struct call *c)
{
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    own_name.sun_family = AF_UNIX;
    bind(listener, (void *)&own_name, sizeof(sa_family_t)); /* a name is made up */
    listen(listener, 1);
    getsockname(listener, (void *)&own_name, &own_length);
    return accept(listener, NULL, NULL) >= 0 ? 1 : -1;
}
static void end_accept(struct call *c)
{
    CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&own_name, own_length) == 0);
}

static int sockets[2];
static long u_recvmsg(struct call *c)
{
    struct iovec v = {one, 8};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets);
    return recvmsg(sockets[0], &m, 0);
}
static void end_recvmsg(struct call *c) { CHECK(send(sockets[1], "abc", 3, 0) == 3); }

/* Calls that move as much as they were asked for: some has been moved before the save. */
static char half[1 << 20];
static int stream[3][2];
static void tcp_pair(int s[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    int server = socket(AF_INET, SOCK_STREAM, 0);

    bind(server, (void *)&a, sizeof(a));
    listen(server, 1);
    getsockname(server, (void *)&a, &size);
    s[1] = socket(AF_INET, SOCK_STREAM, 0);
    connect(s[1], (void *)&a, size);
    s[0] = accept(server, NULL, NULL);
    close(server);
}
static long receive_all(int *s)
{
    char text[11] = "";

    send(s[1], "0123", 4, 0);
    long n = recv(s[0], text, 10, MSG_WAITALL);
    return n == 10 && strcmp(text, "0123456789") == 0 ? n : -1;
}
static long u_recv_all(struct call *c)
{
    socketpair(AF_UNIX, SOCK_STREAM, 0, stream[0]);
    return receive_all(stream[0]);
}
static void end_recv_all(struct call *c) { send(stream[0][1], "456789", 6, 0); }
static long u_recv_all_tcp(struct call *c)
{
    tcp_pair(stream[1]);
    return receive_all(stream[1]);
}
static void end_recv_all_tcp(struct call *c) { send(stream[1][1], "456789", 6, 0); }
static long u_sendmsg(struct call *c)
{
    struct iovec v[2] = {{half, 1000}, {half + 1000, sizeof(half) - 1000}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

    socketpair(AF_UNIX, SOCK_STREAM, 0, stream[2]);
    for (size_t i = 0; i < sizeof(half); i++)
        half[i] = (char)(i * 7 + i / 4096);
    return sendmsg(stream[2][0], &m, 0);
}
static void end_sendmsg(struct call *c)
{
    static char got[sizeof(half)];

    CHECK(recv(stream[2][1], got, sizeof(got), MSG_WAITALL) == sizeof(got));
    CHECK(memcmp(got, half, sizeof(got)) == 0);
}
static int typist = -1;
static long u_terminal_min(struct call *c)
{
    struct termios t;
    char text[8] = "";
    int slave;

    openpty(&typist, &slave, NULL, NULL, NULL);
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 5;
    tcsetattr(slave, TCSANOW, &t);
    write(typist, "abc", 3);
    long n = read(slave, text, 8);
    return strcmp(text, "abcde") == 0 ? n : -1;
}
static void end_terminal_min(struct call *c) { write(typist, "de", 2); }

static int held = -1, wanted = -1;
static void prepare_locks(void)
{
    char name[] = "file.XXXXXX";
    held = mkstemp(name);
    wanted = open(name, O_RDWR);
    unlink(name);
    flock(held, LOCK_EX);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fcntl(held, F_OFD_SETLK, &l);
}
static long u_flock(struct call *c) { return flock(wanted, LOCK_EX); }
static void end_flock(struct call *c) { flock(held, LOCK_UN); }
static long u_record_lock(struct call *c)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(wanted, F_OFD_SETLKW, &l);
}
static void end_record_lock(struct call *c)
{
    struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    fcntl(held, F_OFD_SETLK, &l);
}

static pid_t children[3];
static int child_pipes[3][2];
static pid_t blocked_child(int n)
{
    pipe(child_pipes[n]);
    if ((children[n] = fork()) == 0) {
        close(child_pipes[n][1]);
        read(child_pipes[n][0], one, 1);
        _exit(7);
    }
    close(child_pipes[n][0]);
    return children[n];
}
static long u_wait4(struct call *c)
{
    int status = 0;
    return waitpid(children[0], &status, 0) == children[0] ? WEXITSTATUS(status) : -1;
}
static long u_waitid(struct call *c)
{
    siginfo_t i = {0};
    return waitid(P_PID, (id_t)children[1], &i, WEXITED) == 0 ? i.si_status : -1;
}
static void end_child(struct call *c) { write(child_pipes[c->number][1], "x", 1); }

/* The parent of a vfork sleeps until its child is another program. */
static long u_vfork(struct call *c)
{
    pid_t pid = vfork();
    if (pid == 0) {
        read(c->fd[0], one, 1);
        _exit(9);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static long u_futex(struct call *c)
{
    return syscall(SYS_futex, &futex_words[4], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
static void end_futex(struct call *c)
{
    futex_words[4] = 1;
    CHECK(syscall(SYS_futex, &futex_words[4], FUTEX_WAKE_PRIVATE, 1) == 1);
}
static sem_t waited_for;
static long u_semaphore(struct call *c) { return sem_wait(&waited_for); }
static void end_semaphore(struct call *c) { sem_post(&waited_for); }
static void *sleep_on_futex(void *unused)
{
    syscall(SYS_futex, &futex_words[5], FUTEX_WAIT, 0, NULL, NULL, 0);
    return (void *)17;
}
static long u_join(struct call *c)
{
    pthread_t t;
    void *value;
    pthread_create(&t, NULL, sleep_on_futex, NULL);
    pthread_join(t, &value);
    return (long)value;
}
static void end_join(struct call *c)
{
    futex_words[5] = 1;
    syscall(SYS_futex, &futex_words[5], FUTEX_WAKE, 1);
}

static int semaphores = -1, messages = -1;
static long u_semop(struct call *c)
{
    struct sembuf down = {0, -2, 0};
    return semop(semaphores, &down, 1);
}
static void end_semop(struct call *c)
{
    struct sembuf up = {0, 2, 0};
    semop(semaphores, &up, 1);
}
struct message {
    long type;
    char text[8];
};
static long u_msgrcv(struct call *c)
{
    struct message m;
    return msgrcv(messages, &m, 8, 3, 0);
}
static void end_msgrcv(struct call *c)
{
    struct message m = {3, "hello"};
    msgsnd(messages, &m, 5, 0);
}

static void nothing(int sig) {}
static long u_pause(struct call *c) { return pause(); }
static void end_pause(struct call *c) { pthread_kill(c->thread, SIGUSR1); }
static long u_sigsuspend(struct call *c)
{
    sigset_t all_but_one;
    sigfillset(&all_but_one);
    sigdelset(&all_but_one, SIGUSR1);
    return sigsuspend(&all_but_one);
}
static long u_sigwait(struct call *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    return sigwaitinfo(&set, NULL) - SIGRTMIN;
}
static void end_sigwait(struct call *c) { pthread_kill(c->thread, SIGRTMIN + 3); }

static long u_signalfd(struct call *c)
{
    struct signalfd_siginfo i;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 4);
    int fd = signalfd(-1, &set, 0);
    return read(fd, &i, sizeof(i)) == sizeof(i) ? (long)i.ssi_signo - SIGRTMIN : -1;
}
static void end_signalfd(struct call *c) { pthread_kill(c->thread, SIGRTMIN + 4); }

static long u_inotify(struct call *c)
{
    char text[256];
    int fd = inotify_init1(0);
    inotify_add_watch(fd, "watched", IN_CREATE);
    return read(fd, text, sizeof(text)) > 0;
}
static void end_inotify(struct call *c)
{
    CHECK(mkdir("watched/new", 0700) == 0 && rmdir("watched/new") == 0);
}

static int keyboard = -1;
static long u_terminal(struct call *c)
{
    int slave;
    openpty(&keyboard, &slave, NULL, NULL, NULL);
    return read(slave, one, 8);
}
static void end_terminal(struct call *c) { write(keyboard, "abc\n", 4); }

#define TIMED(call, result, error)                                                                 \
    {                                                                                              \
        .name = #call, .run = t_##call, .expected = result, .expected_error = error                \
    }
#define UNTIMED(call, last, result, error)                                                         \
    {                                                                                              \
        .name = #call, .run = u_##call, .end = last, .expected = result, .expected_error = error   \
    }

static struct call calls[] = {
    TIMED(nanosleep, 0, 0),
    TIMED(monotonic, 0, 0),
    TIMED(boottime, 0, 0),
    TIMED(realtime, 0, 0),
    TIMED(poll, 0, 0),
    TIMED(ppoll, 0, 0),
    TIMED(select, 0, 0),
    TIMED(pselect, 0, 0),
    TIMED(epoll, 0, 0),
    TIMED(futex, -1, ETIMEDOUT),
    TIMED(futex_until, -1, ETIMEDOUT),
    TIMED(lock_pi, -1, ETIMEDOUT),
    TIMED(condition, ETIMEDOUT, 0),
    TIMED(semaphore, -1, ETIMEDOUT),
    TIMED(semop, -1, EAGAIN),
    TIMED(signal, -1, EAGAIN),
    TIMED(queue, -1, ETIMEDOUT),
    TIMED(recv, -1, EAGAIN),
    TIMED(recv_datagram, -1, EAGAIN),
    TIMED(send, -1, EAGAIN),
    TIMED(accept, -1, EAGAIN),
    TIMED(timerfd, 1, 0),
    TIMED(terminal, 0, 0),
    UNTIMED(read, end_write, 1, 0),
    UNTIMED(poll, end_write, 1, 0),
    UNTIMED(epoll, end_write, 1, 0),
    UNTIMED(splice, end_write, 1, 0),
    UNTIMED(write, end_write_full, 1 << 20, 0),
    UNTIMED(eventfd, end_eventfd, 5, 0),
    UNTIMED(fifo, end_fifo, 1, 0),
    UNTIMED(accept, end_accept, 1, 0),
    UNTIMED(recvmsg, end_recvmsg, 3, 0),
    UNTIMED(recv_all, end_recv_all, 10, 0),
    UNTIMED(recv_all_tcp, end_recv_all_tcp, 10, 0),
    UNTIMED(sendmsg, end_sendmsg, 1 << 20, 0),
    UNTIMED(terminal_min, end_terminal_min, 5, 0),
    UNTIMED(flock, end_flock, 0, 0),
    UNTIMED(record_lock, end_record_lock, 0, 0),
    {.name = "wait4", .run = u_wait4, .end = end_child, .expected = 7},
    {.name = "waitid", .run = u_waitid, .end = end_child, .expected = 7, .number = 1},
    UNTIMED(vfork, end_write, 9, 0),
    UNTIMED(futex, end_futex, 0, 0),
    UNTIMED(semaphore, end_semaphore, 0, 0),
    UNTIMED(join, end_join, 17, 0),
    UNTIMED(semop, end_semop, 0, 0),
    UNTIMED(msgrcv, end_msgrcv, 5, 0),
    UNTIMED(pause, end_pause, -1, EINTR),
    UNTIMED(sigsuspend, end_pause, -1, EINTR),
    UNTIMED(sigwait, end_sigwait, 3, 0),
    UNTIMED(signalfd, end_signalfd, 4, 0),
    UNTIMED(inotify, end_inotify, 1, 0),
    UNTIMED(terminal, end_terminal, 4, 0),
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void *run(void *arg)
{
    struct call *c = arg;

    clock_gettime(CLOCK_MONOTONIC, &c->begun);
    c->tid = gettid();
    errno = 0;
    c->result = c->run(c);
    c->error = errno;
    c->early = !witness_ended;
    c->ended = true;
    return NULL;
}

static bool asleep(pid_t tid)
{
    char state = thread_state(tid);

    return state == 'S' || state == 'D';
}

static char place[] = "/tmp/blocking.XXXXXX";
static void prepare(void)
{
    sigset_t set;
    struct sigaction a = {.sa_handler = nothing};

    CHECK(mkdtemp(place) && chdir(place) == 0 && mkdir("watched", 0700) == 0);
    sigaction(SIGUSR1, &a, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigaddset(&set, SIGRTMIN + 4);
    sigaddset(&set, SIGRTMAX);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sem_init(&empty_semaphore, 0, 0);
    sem_init(&waited_for, 0, 0);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    messages = msgget(IPC_PRIVATE, 0600);
    futex_words[2] = (uint32_t)gettid(); /* held by this thread */
    prepare_locks();
    for (int i = 0; i < 2; i++)
        blocked_child(i);
}

static void check(struct call *c)
{
    struct timespec now;
    long ms;

    pthread_join(c->thread, NULL);
    if (c->result != c->expected || (c->expected < 0 && c->error != c->expected_error))
        CHECK((fprintf(stderr, "%s: %ld (errno %d)\n", c->name, c->result, c->error), 0));
    if (c->end)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (now.tv_sec - c->begun.tv_sec) * 1000 + (now.tv_nsec - c->begun.tv_nsec) / 1000000;
    /* Times of day go on while it is not running. */
    if (!c->early || (ms < TIMEOUT_MS - 10 && c->run != t_boottime && c->run != t_realtime &&
                      c->run != t_lock_pi && c->run != t_queue))
        CHECK((fprintf(stderr, "%s: after %ld ms, %s the witness\n", c->name, ms,
                       c->early ? "before" : "after"),
               0));
}

/* Sleeps in many short pieces: on a machine that stands still for a while all of the calls are
 * late, and so is this. */
static void *witness(void *unused)
{
    struct timespec t = span(WITNESS_MS / 150);
    for (int i = 0; i < 150; i++)
        nanosleep(&t, NULL);
    witness_ended = true;
    return NULL;
}

int main(void)
{
    struct timespec t = span(SAVE_MS);
    pthread_t w;

    prepare();
    for (size_t i = 0; i < CALLS; i++)
        pipe(calls[i].fd);
    for (size_t i = 0; i < CALLS; i++)
        pthread_create(&calls[i].thread, NULL, run, &calls[i]);
    for (size_t i = 0; i < CALLS; i++)
        while (!calls[i].tid || (!asleep(calls[i].tid) && !calls[i].ended))
            usleep(1000);
    nanosleep(&t, NULL);
    save();
    pthread_create(&w, NULL, witness, NULL);
    for (size_t i = 0; i < CALLS; i++)
        if (calls[i].end && calls[i].ended)
            CHECK((fprintf(stderr, "%s: ended by itself, %ld (errno %d)\n", calls[i].name,
                           calls[i].result, calls[i].error),
                   0));
    for (size_t i = 0; i < CALLS; i++)
        if (!calls[i].end)
            check(&calls[i]);
    for (size_t i = 0; i < CALLS; i++) {
        if (!calls[i].end)
            continue;
        calls[i].end(&calls[i]);
        check(&calls[i]);
    }
    pthread_join(w, NULL);
    semctl(semaphores, 0, IPC_RMID);
    msgctl(messages, IPC_RMID, NULL);
    CHECK(rmdir("watched") == 0 && rmdir(place) == 0);
    return check_result();
}
