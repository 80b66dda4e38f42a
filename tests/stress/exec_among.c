/* exec from one thread while the others sleep in every kind of blocking call, or run.
 * Each round is a process that makes the sleepers, lets a thread that isn't the leader
 * exec, and must end with the new program's code: in the process's own number, with
 * nothing left of the old threads.
 * usage: exec_among SECONDS */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "stress.h"

static const char *self;
static int empty[2], full[2], pair[2], listener, ep, event, timer, msgs, sems, master, slave, note;
static char place[64];
static mqd_t queue;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile int asleep, zero;

enum { SLEEPERS = 32 };

static void *idle(void *arg) { return arg; }

static void *block(void *arg)
{
    struct timespec t = {1000, 0};
    struct pollfd p = {empty[0], POLLIN, 0};
    struct epoll_event ev;
    char c[256];
    fd_set set;
    sigset_t sig;

    sigemptyset(&sig);
    sigaddset(&sig, SIGUSR1);
    FD_ZERO(&set);
    FD_SET(empty[0], &set);
    __atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
    switch ((int)(long)arg) {
    case 0:
        return (void *)read(empty[0], c, 1);
    case 1:
        return (void *)write(full[1], c, 1);
    case 2:
        return (void *)(long)poll(&p, 1, -1);
    case 3:
        return (void *)(long)select(empty[0] + 1, &set, NULL, NULL, NULL);
    case 4:
        return (void *)(long)epoll_wait(ep, &ev, 1, -1);
    case 5:
        return (void *)(long)nanosleep(&t, NULL);
    case 6:
        return (void *)(long)pause();
    case 7:
        return (void *)(long)sigwaitinfo(&sig, NULL);
    case 8:
        return (void *)recv(pair[0], c, 1, 0);
    case 9:
        return (void *)(long)accept(listener, NULL, NULL);
    case 10:
        return (void *)read(event, c, 8);
    case 11:
        return (void *)read(timer, c, 8);
    case 12:
        return (void *)msgrcv(msgs, c, 100, 0, 0);
    case 13: {
        struct sembuf down = {0, -1, 0};
        return (void *)(long)semop(sems, &down, 1);
    }
    case 14:
        return (void *)mq_receive(queue, c, 64, NULL);
    case 15:
        return (void *)read(slave, c, 1);
    case 16:
        return (void *)read(master, c, 1);
    case 17:
        return (void *)read(note, c, sizeof(c));
    case 18:
        return (void *)syscall(SYS_futex, &zero, FUTEX_WAIT, 0, NULL, NULL, 0);
    case 19:
        pthread_mutex_lock(&mutex);
        return NULL;
    case 20: {
        pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&own);
        pthread_cond_wait(&cond, &own);
        return NULL;
    }
    case 21:
        return (void *)(long)waitpid(-1, NULL, 0);
    case 22: {
        int fd = open(place, O_RDWR);
        return (void *)(long)flock(fd, LOCK_EX);
    }
    case 23: {
        int fd = open(place, O_RDWR);
        return (void *)(long)lockf(fd, F_LOCK, 0);
    }
    case 24: {
        char fifo[96];
        snprintf(fifo, sizeof(fifo), "%s.fifo", place);
        return (void *)(long)open(fifo, O_RDONLY);
    }
    case 25: {
        pid_t pid = vfork();
        if (pid == 0) {
            execl("/bin/sleep", "sleep", "0.05", (char *)NULL);
            _exit(1);
        }
        return NULL;
    }
    case 26:
        return (void *)splice(empty[0], NULL, full[1], NULL, 10, 0);
    case 27:
        for (;;)
            ;
    case 28:
        for (;;)
            getppid();
    case 29:
        for (;;) {
            void *m = mmap(NULL, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            *(char *)m = 1;
            munmap(m, 65536);
        }
    case 30:
        for (;;) {
            pthread_t t;
            pthread_attr_t a;
            pthread_attr_init(&a);
            pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
            if (pthread_create(&t, &a, idle, NULL))
                usleep(100);
        }
    default:
        for (;;) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(0);
            waitpid(pid, NULL, 0);
        }
    }
}

static void set_up(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 64};
    struct epoll_event ev = {.events = EPOLLIN};
    char data[4096] = {0}, fifo[96];
    struct flock lock = {.l_type = F_WRLCK};
    sigset_t sig;

    NEED(pipe(empty) == 0 && pipe2(full, O_NONBLOCK) == 0);
    while (write(full[1], data, sizeof(data)) > 0)
        ;
    fcntl(full[1], F_SETFL, 0);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    NEED((listener = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "exec_among.%d", getpid());
    NEED(bind(listener, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(listener, 1) == 0);
    NEED((ep = epoll_create1(0)) >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, empty[0], &ev) == 0);
    NEED((event = eventfd(0, 0)) >= 0 && (timer = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0);
    NEED((msgs = msgget(IPC_PRIVATE, 0600)) >= 0 && (sems = semget(IPC_PRIVATE, 1, 0600)) >= 0);
    snprintf(fifo, sizeof(fifo), "/exec_among.%d", getpid());
    NEED((queue = mq_open(fifo, O_RDWR | O_CREAT, 0600, &attr)) >= 0 && mq_unlink(fifo) == 0);
    NEED(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    snprintf(place, sizeof(place), "/tmp/exec_among.XXXXXX");
    int fd = mkstemp(place);
    NEED(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
    NEED((note = inotify_init()) >= 0 && inotify_add_watch(note, place, IN_ATTRIB) >= 0);
    snprintf(fifo, sizeof(fifo), "%s.fifo", place);
    NEED(mkfifo(fifo, 0600) == 0);
    sigemptyset(&sig);
    sigaddset(&sig, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &sig, NULL);
    pthread_mutex_lock(&mutex);
}

static void *go(void *arg)
{
    char numbers[3][16];

    usleep((useconds_t)(long)arg);
    snprintf(numbers[0], sizeof(numbers[0]), "%d", getpid());
    snprintf(numbers[1], sizeof(numbers[1]), "%d", msgs);
    snprintf(numbers[2], sizeof(numbers[2]), "%d", sems);
    execl(self, self, "after", numbers[0], numbers[1], numbers[2], place, (char *)NULL);
    die("exec");
}

static void one_round(unsigned round)
{
    pthread_t t;

    chance_seed(round);
    set_up();
    for (long i = 0; i < SLEEPERS; i++)
        NEED(pthread_create(&t, NULL, block, (void *)i) == 0);
    while (asleep < SLEEPERS)
        usleep(100);
    long pause = chance(4000);
    if (round % 4 == 0)
        go((void *)pause); /* the leader itself */
    NEED(pthread_create(&t, NULL, go, (void *)pause) == 0);
    if (round % 4 == 1)
        NEED(pthread_create(&t, NULL, go, (void *)pause) == 0); /* one of them wins */
    block((void *)(long)chance(24));
    pthread_exit(NULL);
}

/* In the new program: is it alone, and is it who it was? */
static int after(char **argv)
{
    char path[128];
    struct stat st;

    NEED(getpid() == atoi(argv[2]) && gettid() == getpid());
    NEED(stat("/proc/self/task", &st) == 0 && st.st_nlink == 3);
    NEED(msgctl(atoi(argv[3]), IPC_RMID, NULL) == 0 && semctl(atoi(argv[4]), 0, IPC_RMID) == 0);
    snprintf(path, sizeof(path), "%s.fifo", argv[5]);
    NEED(unlink(path) == 0 && unlink(argv[5]) == 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    return 42;
}

int main(int argc, char **argv)
{
    long end = now_ms() + (argc > 1 ? atoi(argv[1]) : 1) * 1000L;
    unsigned rounds = 0;

    if (argc > 3)
        return after(argv);
    self = argv[0];
    do {
        int status;
        pid_t pid = fork();
        NEED(pid >= 0);
        if (pid == 0)
            one_round(rounds);
        for (long limit = now_ms() + 120000; waitpid(pid, &status, WNOHANG) == 0; usleep(1000))
            if (now_ms() > limit)
                die("round %u hangs in process %d", rounds, pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
            die("round %u ended with %x", rounds, status);
        rounds++;
    } while (now_ms() < end || rounds < 8);
    fprintf(stderr, "%u rounds\n", rounds);
    puts("every exec took the process over");
    return 0;
}
