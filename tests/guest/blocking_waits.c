/* Waiting for events, time, signals, children, words in memory, semaphores and messages. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "blocking.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

static int pipe_in = -1, pipe_out, epoll, sem, msg, queue;
static struct timespec minute = {60, 0};
static sigset_t none;
static struct {
    long type;
    char text[8];
} message = {1, "text"};
static char buf[64];

/* ---- events ---- */

static void quiet(void)
{
    struct epoll_event ev = {EPOLLIN, {0}};
    int p[2];

    if (pipe_in >= 0) {
        close(pipe_in);
        close(pipe_out);
        close(epoll);
    }
    CHECK(pipe(p) == 0);
    pipe_in = p[0];
    pipe_out = p[1];
    epoll = epoll_create1(0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_in, &ev) == 0);
    sigemptyset(&none);
}

static long polls(void) { return poll(&(struct pollfd){pipe_in, POLLIN, 0}, 1, -1); }
static long polls_timed(void) { return poll(&(struct pollfd){pipe_in, POLLIN, 0}, 1, 60000); }
static long ppolls(void) { return ppoll(&(struct pollfd){pipe_in, POLLIN, 0}, 1, &minute, &none); }
static long selects(void)
{
    struct timeval tv = {60, 0};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(pipe_in, &set);
    return select(pipe_in + 1, &set, NULL, NULL, &tv);
}
static long selects_forever(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(pipe_in, &set);
    return pselect(pipe_in + 1, &set, NULL, NULL, NULL, &none);
}
static long epolls(void) { return epoll_wait(epoll, &(struct epoll_event){0}, 1, -1); }
static long epolls_timed(void) { return epoll_wait(epoll, &(struct epoll_event){0}, 1, 60000); }
static long epolls_masked(void)
{
    return epoll_pwait(epoll, &(struct epoll_event){0}, 1, -1, &none);
}
static long epolls_precise(void)
{
    return CALL(epoll_pwait2, epoll, &(struct epoll_event){0}, 1, &minute, &none, 8);
}
static void happen(pid_t child) { CHECK(write(pipe_out, "x", 1) == 1); }

/* ---- signals ---- */

static void block_usr2(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
}
static long awaits(void)
{
    return CALL(rt_sigtimedwait, &(uint64_t){1 << (SIGUSR2 - 1)}, NULL, NULL, 8);
}
static long awaits_timed(void)
{
    return CALL(rt_sigtimedwait, &(uint64_t){1 << (SIGUSR2 - 1)}, NULL, &minute, 8);
}
static void usr2(pid_t child) { kill(child, SIGUSR2); }

static long pauses(void) { return pause(); }
static long suspends(void) { return CALL(rt_sigsuspend, &(uint64_t){0}, 8); }

/* ---- time ---- */

/* What is left of the minute is not more and not nothing; else -3. */
static long rest(long rc, struct timespec left)
{
    return left.tv_sec >= 0 && left.tv_sec <= 60 && left.tv_sec + left.tv_nsec > 0 ? rc : -3;
}
static long sleeps(void)
{
    struct timespec left = {99, 0};
    long rc = nanosleep(&minute, &left);

    return rest(rc, left);
}
static long sleeps_clock(void)
{
    struct timespec left = {99, 0};
    long rc = CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &minute, &left);

    return rest(rc, left);
}
static long sleeps_until(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 60;
    return CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static long selects_time(void)
{
    struct timeval tv = {60, 0};
    long rc = CALL(select, 0, NULL, NULL, NULL, &tv);

    return rest(rc, (struct timespec){tv.tv_sec, tv.tv_usec * 1000});
}
static long pselects_time(void)
{
    struct timespec left = {60, 0};
    long rc = CALL(pselect6, 0, NULL, NULL, NULL, &left, NULL);

    return rest(rc, left);
}
static long ppolls_time(void)
{
    struct timespec left = {60, 0};
    long rc = CALL(ppoll, NULL, 0, &left, NULL, 8);

    return rest(rc, left);
}

/* ---- children ---- */

static void have_child(void)
{
    pid_t pid = fork();

    if (!pid)
        for (;;)
            pause();
    shared->other = pid;
}
static long waits_1(long rc) { return rc < 0 ? -1 : 1; }
static long waits(void) { return waits_1(waitpid(shared->other, NULL, 0)); }
static long waits4(void) { return waits_1(CALL(wait4, -1, NULL, 0, NULL)); }
static long waits_id(void) { return waits_1(CALL(waitid, P_ALL, 0, NULL, WEXITED, NULL)); }
static long waits_pidfd(void)
{
    int fd = (int)CALL(pidfd_open, shared->other, 0);

    return waits_1(CALL(waitid, P_PIDFD, fd, NULL, WEXITED, NULL));
}
static void end_other(pid_t child) { kill(shared->other, SIGKILL); }

/* ---- words ---- */

static void zero(void) { shared->word = 0; }
static void owned(void) { shared->word = (unsigned)getpid(); }
static long futex_waits(void) { return CALL(futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0); }
static long futex_timed(void)
{
    return CALL(futex, &shared->word, FUTEX_WAIT, 0, &minute, NULL, 0);
}
static long futex_bits(void)
{
    return CALL(futex, &shared->word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1);
}
static long futex_locks(void)
{
    return CALL(futex, &shared->word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}
static void wake(pid_t child)
{
    CHECK(CALL(futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
}
static void unlock(pid_t child)
{
    CHECK(CALL(futex, &shared->word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
}

/* ---- System V and POSIX queues ---- */

static void no_semaphore(void) { CHECK(semctl(sem, 0, SETVAL, 0) == 0); }
static void a_semaphore(void) { CHECK(semctl(sem, 0, SETVAL, 1) == 0); }
static long takes(void) { return semop(sem, &(struct sembuf){0, -1, 0}, 1); }
static long takes_timed(void) { return semtimedop(sem, &(struct sembuf){0, -1, 0}, 1, &minute); }
static long waits_zero(void) { return semop(sem, &(struct sembuf){0, 0, 0}, 1); }
static void give(pid_t child) { CHECK(semctl(sem, 0, SETVAL, 1) == 0); }
static void give_none(pid_t child) { CHECK(semctl(sem, 0, SETVAL, 0) == 0); }

static void no_message(void)
{
    while (msgrcv(msg, &message, sizeof(message.text), 0, IPC_NOWAIT) >= 0)
        ;
    message.type = 1;
}
static void full_of_messages(void)
{
    no_message();
    while (msgsnd(msg, &message, sizeof(message.text), IPC_NOWAIT) == 0)
        ;
}
static long receives(void) { return msgrcv(msg, &message, sizeof(message.text), 0, 0); }
static long sends(void) { return msgsnd(msg, &message, sizeof(message.text), 0); }
static void send_message(pid_t child) { CHECK(msgsnd(msg, &message, 8, 0) == 0); }
static void take_message(pid_t child)
{
    CHECK(msgrcv(msg, &message, sizeof(message.text), 0, IPC_NOWAIT) == 8);
}

static void empty_queue(void)
{
    fcntl(queue, F_SETFL, O_NONBLOCK);
    while (mq_receive(queue, buf, sizeof(buf), NULL) >= 0)
        ;
    fcntl(queue, F_SETFL, 0);
}
static void full_queue(void)
{
    empty_queue();
    CHECK(mq_send(queue, "x", 1, 0) == 0);
}
static struct timespec *later(void)
{
    static struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 60;
    return &t;
}
static long mq_receives(void) { return mq_receive(queue, buf, sizeof(buf), NULL); }
static long mq_receives_timed(void)
{
    return mq_timedreceive(queue, buf, sizeof(buf), NULL, later());
}
static long mq_sends(void) { return mq_send(queue, "y", 1, 0); }
static long mq_sends_timed(void) { return mq_timedsend(queue, "y", 1, 0, later()); }
static void mq_give(pid_t child) { CHECK(mq_send(queue, "z", 1, 0) == 0); }
static void mq_take(pid_t child) { CHECK(mq_receive(queue, buf, sizeof(buf), NULL) == 1); }

static const struct blocking cases[] = {
    {"poll", "a pipe", quiet, NULL, polls, happen, 1, ENDS, GOES_ON},
    {"poll", "a pipe and a timeout", quiet, NULL, polls_timed, happen, 1, ENDS, GOES_ON},
    {"ppoll", "a pipe and a timeout", quiet, NULL, ppolls, happen, 1, ENDS, GOES_ON},
    {"select", "a pipe and a timeout", quiet, NULL, selects, happen, 1, ENDS, GOES_ON},
    {"pselect6", "a pipe", quiet, NULL, selects_forever, happen, 1, ENDS, GOES_ON},
    {"epoll_wait", "a pipe", quiet, NULL, epolls, happen, 1, ENDS, ENDS},
    {"epoll_wait", "a pipe and a timeout", quiet, NULL, epolls_timed, happen, 1, ENDS, ENDS},
    {"epoll_pwait", "a pipe", quiet, NULL, epolls_masked, happen, 1, ENDS, ENDS},
    {"epoll_pwait2", "a pipe and a timeout", quiet, NULL, epolls_precise, happen, 1, ENDS, ENDS},
    {"rt_sigtimedwait", "a signal", NULL, block_usr2, awaits, usr2, SIGUSR2, ENDS, ENDS},
    {"rt_sigtimedwait", "a signal and a timeout", NULL, block_usr2, awaits_timed, usr2, SIGUSR2,
     ENDS, ENDS},
    {"pause", "a handler", NULL, NULL, pauses, blocking_signal, -1, ENDS, GOES_ON},
    {"rt_sigsuspend", "a handler", NULL, NULL, suspends, blocking_signal, -1, ENDS, GOES_ON},
    {"nanosleep", "time, and what is left", NULL, NULL, sleeps, blocking_signal, -1, ENDS, GOES_ON},
    {"clock_nanosleep", "time, and what is left", NULL, NULL, sleeps_clock, blocking_signal, -1,
     ENDS, GOES_ON},
    {"clock_nanosleep", "a point in time", NULL, NULL, sleeps_until, blocking_signal, -1, ENDS,
     GOES_ON},
    {"select", "time, and what is left", NULL, NULL, selects_time, blocking_signal, -1, ENDS,
     GOES_ON},
    {"pselect6", "time, and what is left", NULL, NULL, pselects_time, blocking_signal, -1, ENDS,
     GOES_ON},
    {"ppoll", "time, and what is left", NULL, NULL, ppolls_time, blocking_signal, -1, ENDS,
     GOES_ON},
    {"wait4", "a child", NULL, have_child, waits, end_other, 1, GOES_ON, GOES_ON},
    {"wait4", "any child", NULL, have_child, waits4, end_other, 1, GOES_ON, GOES_ON},
    {"waitid", "any child", NULL, have_child, waits_id, end_other, 1, GOES_ON, GOES_ON},
    {"waitid", "a pidfd", NULL, have_child, waits_pidfd, end_other, 1, GOES_ON, GOES_ON},
    {"futex", "FUTEX_WAIT", zero, NULL, futex_waits, wake, 0, GOES_ON, GOES_ON},
    {"futex", "FUTEX_WAIT and a timeout", zero, NULL, futex_timed, wake, 0, ENDS, GOES_ON},
    {"futex", "FUTEX_WAIT_BITSET", zero, NULL, futex_bits, wake, 0, GOES_ON, GOES_ON},
    {"futex", "FUTEX_LOCK_PI", owned, NULL, futex_locks, unlock, 0, ALWAYS, GOES_ON},
    {"semop", "a semaphore", no_semaphore, NULL, takes, give, 0, ENDS, ENDS},
    {"semop", "zero", a_semaphore, NULL, waits_zero, give_none, 0, ENDS, ENDS},
    {"semtimedop", "a semaphore", no_semaphore, NULL, takes_timed, give, 0, ENDS, ENDS},
    {"msgrcv", "a message", no_message, NULL, receives, send_message, 8, ENDS, GOES_ON},
    {"msgsnd", "room", full_of_messages, NULL, sends, take_message, 0, ENDS, GOES_ON},
    {"mq_timedreceive", "a message", empty_queue, NULL, mq_receives, mq_give, 1, GOES_ON, GOES_ON},
    {"mq_timedreceive", "a message, for a time", empty_queue, NULL, mq_receives_timed, mq_give, 1,
     GOES_ON, GOES_ON},
    {"mq_timedsend", "room", full_queue, NULL, mq_sends, mq_take, 0, GOES_ON, GOES_ON},
    {"mq_timedsend", "room, for a time", full_queue, NULL, mq_sends_timed, mq_take, 0, GOES_ON,
     GOES_ON},
};

/* ---- time that is over ---- */

static struct timespec moment = {0, 2000000};

static struct timespec *past(void)
{
    static struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += t.tv_nsec < 990000000 ? 5000000 : 0;
    return &t;
}

static void expiring(void)
{
    struct epoll_event ev;
    struct timeval tv = {0, 2000};
    struct pollfd p = {pipe_in, POLLIN, 0};
    uint64_t usr2 = 1 << (SIGUSR2 - 1);

    quiet();
    zero();
    p.fd = pipe_in;
    CHECK(poll(&p, 1, 2) == 0 && ppoll(&p, 1, &moment, NULL) == 0);
    CHECK(CALL(ppoll, &p, 1, &(struct timespec){0, 1000000}, NULL, 8) == 0);
    CHECK(select(0, NULL, NULL, NULL, &tv) == 0 && tv.tv_sec == 0 && tv.tv_usec == 0);
    CHECK(epoll_wait(epoll, &ev, 1, 2) == 0 && epoll_pwait(epoll, &ev, 1, 2, &none) == 0);
    CHECK(CALL(epoll_pwait2, epoll, &ev, 1, &moment, NULL, 8) == 0);
    CHECK(nanosleep(&moment, NULL) == 0);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL) == 0);
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, past(), NULL) == 0);
    CHECK_ERR(CALL(rt_sigtimedwait, &usr2, NULL, &moment, 8), EAGAIN);
    CHECK_ERR(CALL(futex, &shared->word, FUTEX_WAIT, 0, &moment, NULL, 0), ETIMEDOUT);
    CHECK_ERR(
        CALL(futex, &shared->word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, past(), NULL, 1),
        ETIMEDOUT);
    have_child();
    shared->word = (unsigned)shared->other;
    CHECK_ERR(CALL(futex, &shared->word, FUTEX_LOCK_PI, 0, past(), NULL, 0), ETIMEDOUT);
    kill(shared->other, SIGKILL);
    CHECK(waitpid(shared->other, NULL, 0) == shared->other);
    no_semaphore();
    CHECK_ERR(CALL(semtimedop, sem, &(struct sembuf){0, -1, 0}, 1, &moment), EAGAIN);
    empty_queue();
    CHECK_ERR(CALL(mq_timedreceive, queue, buf, sizeof(buf), NULL, past()), ETIMEDOUT);
    full_queue();
    CHECK_ERR(CALL(mq_timedsend, queue, "x", 1, 0, past()), ETIMEDOUT);
}

int main(void)
{
    struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = sizeof(buf)};
    struct msqid_ds ds;
    char name[32];

    snprintf(name, sizeof(name), "/blocking.%d", getpid());
    sem = semget(IPC_PRIVATE, 1, 0600);
    msg = msgget(IPC_PRIVATE, 0600);
    CHECK(msgctl(msg, IPC_STAT, &ds) == 0);
    ds.msg_qbytes = 64;
    CHECK(msgctl(msg, IPC_SET, &ds) == 0);
    queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &one);
    CHECK(queue >= 0 && mq_unlink(name) == 0);
    blocking_all(cases, sizeof(cases) / sizeof(cases[0]));
    expiring();
    CHECK(semctl(sem, 0, IPC_RMID) == 0 && msgctl(msg, IPC_RMID, NULL) == 0);
    return check_result();
}
