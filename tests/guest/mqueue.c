/* POSIX message queues: names, priorities, waiting, timeouts, notification, poll. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "check.h"

static char name[64];

static int wait_child(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static mqd_t make(int flags, long max, long size)
{
    struct mq_attr a = {.mq_maxmsg = max, .mq_msgsize = size};

    return mq_open(name, O_CREAT | O_RDWR | flags, 0600, &a);
}

static struct timespec in_ms(long ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static void names(void)
{
    struct mq_attr a;
    struct stat st;
    mqd_t q, r;

    CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
    CHECK_ERR(mq_unlink(name), ENOENT);
    CHECK_ERR(mq_open("/a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
    CHECK_ERR(mq_open("/..", O_CREAT | O_RDWR, 0600, NULL), EACCES);
    CHECK_ERR(make(0, 0, 10), EINVAL);
    CHECK_ERR(make(0, 10, -1), EINVAL);
    q = make(0, 4, 100);
    CHECK(q >= 0 && fcntl(q, F_GETFD) == FD_CLOEXEC);
    CHECK_ERR(make(O_EXCL, 4, 100), EEXIST);
    r = mq_open(name, O_RDONLY | O_NONBLOCK);
    CHECK(r >= 0);
    CHECK(mq_getattr(r, &a) == 0);
    CHECK(a.mq_maxmsg == 4 && a.mq_msgsize == 100 && a.mq_curmsgs == 0 && a.mq_flags == O_NONBLOCK);
    CHECK(fstat(q, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 &&
          st.st_size == 80);
    CHECK_ERR(mq_send(r, "x", 1, 0), EBADF);
    CHECK(mq_unlink(name) == 0);
    CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
    CHECK(mq_send(q, "still", 5, 0) == 0);
    CHECK(mq_getattr(r, &a) == 0 && a.mq_curmsgs == 1);
    CHECK(mq_close(q) == 0 && mq_close(r) == 0);
    CHECK_ERR(mq_getattr(0, &a), EBADF);
    q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
    CHECK(mq_getattr(q, &a) == 0 && a.mq_maxmsg == 10 && a.mq_msgsize == 8192);
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
}

static void order(void)
{
    mqd_t q = make(O_NONBLOCK, 4, 16);
    char text[128], status[128];
    unsigned priority;
    struct mq_attr a = {.mq_flags = 0}, old;
    struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
    struct timespec soon = in_ms(20), bad = {0, -1};

    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    CHECK_ERR(mq_receive(q, text, 16, &priority), EAGAIN);
    CHECK(mq_send(q, "low", 3, 1) == 0 && mq_send(q, "high", 4, 9) == 0);
    CHECK(mq_send(q, "low 2", 5, 1) == 0 && mq_send(q, "high 2", 6, 9) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    CHECK_ERR(mq_send(q, "x", 1, 0), EAGAIN);
    CHECK_ERR(mq_send(q, text, 17, 0), EMSGSIZE);
    CHECK_ERR(mq_send(q, "x", 1, 32768), EINVAL);
    CHECK_ERR(mq_receive(q, text, 15, NULL), EMSGSIZE);
    CHECK(read(q, status, sizeof(status)) > 0 && !strncmp(status, "QSIZE:18 ", 9));
    CHECK(mq_receive(q, text, sizeof(text), &priority) == 4 && priority == 9 &&
          !memcmp(text, "high", 4));
    CHECK(mq_receive(q, text, 16, NULL) == 6 && !memcmp(text, "high 2", 6));
    CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
    CHECK(mq_receive(q, text, 16, &priority) == 3 && priority == 1 && !memcmp(text, "low", 3));
    CHECK(mq_receive(q, text, 16, NULL) == 5);
    CHECK(mq_setattr(q, &a, &old) == 0 && old.mq_flags == O_NONBLOCK);
    CHECK(!(fcntl(q, F_GETFL) & O_NONBLOCK));
    a.mq_flags = O_APPEND;
    CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
    CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &soon), ETIMEDOUT);
    CHECK_ERR(mq_timedreceive(q, text, 16, NULL, &bad), EINVAL);
    for (int i = 0; i < 4; i++)
        CHECK(mq_send(q, "", 0, 0) == 0);
    CHECK_ERR(mq_timedsend(q, "x", 1, 0, &soon), ETIMEDOUT);
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
}

static void on_signal(int sig) { (void)sig; }

static void waiting(void)
{
    mqd_t q = make(0, 2, 16);
    struct sigaction sa = {.sa_handler = on_signal};
    char text[16];
    pid_t pid = fork();

    if (!pid)
        _exit(mq_receive(q, text, 16, NULL) == 2 && !memcmp(text, "go", 2) ? 0 : 1);
    let_sleep(pid);
    CHECK(mq_send(q, "go", 2, 0) == 0);
    CHECK(wait_child(pid) == 0);
    CHECK(mq_send(q, "1", 1, 0) == 0 && mq_send(q, "2", 1, 0) == 0);
    pid = fork();
    if (!pid)
        _exit(mq_send(q, "3", 1, 5) ? 1 : 0);
    let_sleep(pid);
    CHECK(mq_receive(q, text, 16, NULL) == 1 && text[0] == '1');
    CHECK(wait_child(pid) == 0);
    CHECK(mq_receive(q, text, 16, NULL) == 1 && text[0] == '3');
    CHECK(mq_receive(q, text, 16, NULL) == 1 && text[0] == '2');
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    pid = fork();
    if (!pid)
        _exit(mq_receive(q, text, 16, NULL) < 0 ? errno : 0);
    let_sleep(pid);
    kill(pid, SIGUSR1);
    CHECK(wait_child(pid) == EINTR);
    sa.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    pid = fork();
    if (!pid)
        _exit(mq_receive(q, text, 16, NULL) == 4 ? 0 : errno);
    let_sleep(pid);
    kill(pid, SIGUSR1);
    let_sleep(pid);
    CHECK(mq_send(q, "more", 4, 0) == 0);
    CHECK(wait_child(pid) == 0);
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
}

static void notification(void)
{
    mqd_t q = make(O_NONBLOCK, 4, 16), other;
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct timespec second = {1, 0}, moment = {0, 20000000};
    char text[16];
    sigset_t set;
    siginfo_t info;
    pid_t pid;

    e.sigev_value.sival_int = 77;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(mq_notify(q, &e) == 0);
    CHECK_ERR(mq_notify(q, &e), EBUSY);
    pid = fork();
    if (!pid) {
        CHECK_ERR(mq_notify(q, &e), EBUSY);
        CHECK(mq_notify(q, NULL) == 0); /* not its own: stays */
        _exit(mq_send(q, "x", 1, 0) || check_failures);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(sigtimedwait(&set, &info, &second) == SIGRTMIN);
    CHECK(info.si_code == SI_MESGQ && info.si_value.sival_int == 77 && info.si_pid == pid);
    CHECK(info.si_uid == getuid());
    CHECK(mq_notify(q, &e) == 0); /* not empty: only once it has been */
    CHECK(mq_send(q, "x", 1, 0) == 0);
    CHECK_ERR(sigtimedwait(&set, &info, &moment), EAGAIN);
    CHECK(mq_receive(q, text, 16, NULL) == 1 && mq_receive(q, text, 16, NULL) == 1);
    CHECK(mq_send(q, "x", 1, 0) == 0);
    CHECK(sigtimedwait(&set, &info, &second) == SIGRTMIN);
    CHECK(mq_receive(q, text, 16, NULL) == 1);
    CHECK(mq_send(q, "x", 1, 0) == 0); /* the registration was for once */
    CHECK_ERR(sigtimedwait(&set, &info, &moment), EAGAIN);
    CHECK(mq_receive(q, text, 16, NULL) == 1);
    e.sigev_signo = 100;
    CHECK_ERR(mq_notify(q, &e), EINVAL);
    e.sigev_notify = SIGEV_NONE;
    CHECK(mq_notify(q, &e) == 0 && mq_notify(q, NULL) == 0 && mq_notify(q, &e) == 0);
    other = mq_open(name, O_RDONLY);
    CHECK(mq_close(other) == 0 && mq_notify(q, &e) == 0); /* any close by us ends it */
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
    CHECK_ERR(mq_notify(q, &e), EBADF);
}

static void limits(void)
{
    pid_t pid;
    mqd_t q = make(0, 2, 16);

    CHECK(fchmod(q, 0640) == 0);
    if (!geteuid()) {
        pid = fork();
        if (!pid) {
            CHECK(setgid(12345) == 0 && setuid(12345) == 0);
            CHECK_ERR(mq_open(name, O_RDONLY), EACCES);
            CHECK_ERR(mq_unlink(name), EACCES);
            CHECK(mq_unlink(name) < 0);
            strcat(name, "x");
            CHECK_ERR(make(0, 11, 16), EINVAL);
            CHECK_ERR(make(0, 10, 8193), EINVAL);
            _exit(check_failures != 0);
        }
        CHECK(wait_child(pid) == 0);
    }
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
}

int main(void)
{
    snprintf(name, sizeof(name), "/guest-mqueue-%d", getpid());
    names();
    order();
    waiting();
    notification();
    limits();
    return check_result();
}
