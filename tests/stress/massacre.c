/* kill -9 of anything at random.  Workers of many kinds run at once, each using what is
 * shared: pipes, futexes, System V objects, files, sockets, terminals, threads, mappings,
 * queues, /proc.  One after the other is killed in the middle and started anew.  Nothing
 * may get stuck: every kind must make progress all the time, and at the end each does a
 * full turn undisturbed.
 * usage: massacre SECONDS [SEED] */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "stress.h"

#define STUCK_MS 30000

extern char **environ;

struct shared {
    pthread_mutex_t mutex, plain;
    pthread_cond_t cond;
    long counter, copy; /* under mutex: equal */
    long turns[32];
};
static struct shared *shared;
static int semaphores, memory, event;
static char place[64];

/* Killed while holding it: the next one repairs what it protects. */
static void lock_robust(void)
{
    int rc = pthread_mutex_lock(&shared->mutex);

    if (rc == EOWNERDEAD) {
        shared->copy = shared->counter;
        pthread_mutex_consistent(&shared->mutex);
    } else if (rc) {
        errno = rc;
        die("robust mutex");
    }
}

static void turn_mutex(void)
{
    lock_robust();
    NEED(shared->counter == shared->copy);
    shared->counter++;
    if (chance(4) == 0)
        sched_yield();
    shared->copy++;
    pthread_mutex_unlock(&shared->mutex);
}

static void turn_pipe(void)
{
    int to[2], from[2];
    char data[5000];
    pid_t pid;

    NEED(pipe(to) == 0 && pipe2(from, O_CLOEXEC) == 0);
    pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        ssize_t n;
        close(to[1]);
        signal(SIGPIPE, SIG_DFL);
        while ((n = read(to[0], data, sizeof(data))) > 0)
            if (write(from[1], data, (size_t)n) != n)
                _exit(1);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 20; i++) { /* the other may be killed: then EPIPE and end of file */
        memset(data, i, sizeof(data));
        if (write(to[1], data, sizeof(data)) < 0)
            break;
        for (size_t got = 0; got < sizeof(data);) {
            ssize_t n = read(from[0], data + got, sizeof(data) - got);
            if (n <= 0)
                break;
            NEED(data[got] == i);
            got += (size_t)n;
        }
    }
    close(to[1]);
    close(from[0]);
    waitpid(pid, NULL, 0);
}

static void turn_spawn(void)
{
    char *argv[] = {"/bin/sh", "-c", "exec 2>/dev/null; /bin/true | /bin/cat; (exit 3)", NULL};
    int status;
    pid_t pid;

    NEED(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0);
    NEED(waitpid(pid, &status, 0) == pid);
}

static void turn_semaphore(void)
{
    struct sembuf down = {0, -1, SEM_UNDO}, up = {0, 1, SEM_UNDO};
    volatile long *p;

    NEED(semop(semaphores, &down, 1) == 0);
    p = shmat(memory, NULL, 0);
    NEED(p != (void *)-1);
    p[0]++;
    p[100] = p[0];
    NEED(shmdt((void *)p) == 0 && semop(semaphores, &up, 1) == 0);
}

static void turn_files(void)
{
    char a[128], b[128], text[256];
    int fd;

    snprintf(a, sizeof(a), "%s/f%u", place, chance(8));
    snprintf(b, sizeof(b), "%s/g%u", place, chance(8));
    fd = open(a, O_RDWR | O_CREAT | O_APPEND, 0600);
    if (fd < 0)
        return;
flock_again:
    if (lockf(fd, F_LOCK, 0) < 0 && errno == EINTR)
        goto flock_again;
    NEED(write(fd, a, sizeof(a)) > 0);
    NEED(pread(fd, text, sizeof(text), 0) > 0);
    if (chance(8) == 0)
        NEED(ftruncate(fd, 0) == 0);
    rename(a, b);
    link(b, a);
    close(fd);
    if (chance(3) == 0)
        unlink(chance(2) ? a : b);
    snprintf(a, sizeof(a), "%s/d%u", place, chance(4));
    mkdir(a, 0700);
    rmdir(a);
}

static void turn_socket(void)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int s[2], ep, extra;
    pid_t pid;

    NEED(socketpair(AF_UNIX, chance(2) ? SOCK_STREAM : SOCK_SEQPACKET, 0, s) == 0);
    NEED((ep = epoll_create1(0)) >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev) == 0);
    pid = fork();
    NEED(pid >= 0);
    if (pid == 0) {
        char c[1];
        struct iovec iov = {c, 1};
        union {
            char space[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control;
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.space,
                           .msg_controllen = sizeof(control.space)};
        control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        extra = s[1];
        memcpy(CMSG_DATA(&control.align), &extra, sizeof(extra));
        close(s[0]);
        for (int i = 0; i < 10; i++)
            sendmsg(s[1], &m, MSG_NOSIGNAL);
        _exit(0);
    }
    close(s[1]);
    for (int i = 0; i < 10; i++) {
        char c[16];
        if (epoll_wait(ep, &ev, 1, 10000) != 1 || recv(s[0], c, sizeof(c), MSG_DONTWAIT) <= 0)
            break;
    }
    close(s[0]);
    close(ep);
    waitpid(pid, NULL, 0);
}

static void turn_terminal(void)
{
    char text[64];
    int master, status;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);

    NEED(pid >= 0);
    if (pid == 0) {
        ssize_t n = read(0, text, sizeof(text));
        _exit(n <= 0 || write(1, text, (size_t)n) < 0);
    }
    if (write(master, "line\n", 5) == 5)
        for (int n = 0; n < 12;) {
            ssize_t got = read(master, text, sizeof(text));
            if (got <= 0)
                break;
            n += (int)got;
        }
    if (chance(3) == 0)
        NEED(write(master, "\003", 1) == 1);
    close(master);
    waitpid(pid, &status, 0);
}

static void *add(void *arg)
{
    for (int i = 0; i < 100; i++)
        __atomic_fetch_add((long *)arg, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void turn_threads(void)
{
    pthread_t t[4];
    long sum = 0;

    for (int i = 0; i < 4; i++)
        NEED(pthread_create(&t[i], NULL, add, &sum) == 0);
    for (int i = 0; i < 4; i++)
        NEED(pthread_join(t[i], NULL) == 0);
    NEED(sum == 400);
}

static void turn_memory(void)
{
    char name[128];
    size_t size = 65536;
    char *p;
    int fd;

    snprintf(name, sizeof(name), "%s/m%u", place, chance(3));
    fd = open(name, O_RDWR | O_CREAT, 0600);
    NEED(fd >= 0 && ftruncate(fd, 262144) == 0);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED);
    close(fd);
    for (size_t i = 0; i < size; i += 4096)
        p[i]++;
    p = mremap(p, size, 2 * size, MREMAP_MAYMOVE);
    NEED(p != MAP_FAILED && mprotect(p, 4096, PROT_READ) == 0 && munmap(p, 2 * size) == 0);
}

static void turn_queue(void)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
    struct timespec soon;
    char text[64] = "text";
    mqd_t q = mq_open("/massacre", O_RDWR | O_CREAT, 0600, &attr);

    NEED(q >= 0);
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec++;
    mq_timedsend(q, text, 10, chance(3), &soon);
    mq_timedreceive(q, text, sizeof(text), NULL, &soon);
    mq_close(q);
}

static void turn_proc(void)
{
    DIR *d = opendir("/proc");
    struct dirent *e;

    NEED(d);
    while ((e = readdir(d))) {
        static const char *const names[] = {"stat", "status", "maps", "cmdline", "wchan", "io"};
        char path[512], text[4096];
        int fd;

        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name, names[chance(6)]);
        fd = open(path, O_RDONLY);
        if (fd < 0)
            continue;
        while (read(fd, text, sizeof(text)) > 0)
            ;
        close(fd);
    }
    closedir(d);
}

static void turn_signal(void)
{
    pid_t pid = fork();
    sigset_t set;
    int status;

    NEED(pid >= 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (pid == 0) {
        struct timespec limit = {5, 0};
        _exit(sigtimedwait(&set, NULL, &limit) != SIGUSR1);
    }
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGUSR1);
    kill(pid, SIGCONT);
    waitpid(pid, &status, 0);
}

static void turn_event(void)
{
    uint64_t one = 1;
    struct pollfd p = {event, POLLIN, 0};

    NEED(write(event, &one, 8) == 8);
    poll(&p, 1, 1000);
    if (read(event, &one, 8) < 0)
        NEED(errno == EAGAIN);
}

/* A plain mutex would stay locked with its killed owner, so they may only try; the
 * condition variable is used with the robust one. */
static void turn_condition(void)
{
    struct timespec soon;

    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 2000000;
    if (soon.tv_nsec >= 1000000000)
        soon.tv_sec++, soon.tv_nsec -= 1000000000;
    lock_robust();
    int rc = pthread_cond_timedwait(&shared->cond, &shared->mutex, &soon);
    if (rc == EOWNERDEAD) {
        shared->copy = shared->counter;
        pthread_mutex_consistent(&shared->mutex);
    }
    pthread_mutex_unlock(&shared->mutex);
}

static const struct kind {
    const char *name;
    void (*turn)(void);
} kinds[] = {
    {"mutex", turn_mutex},         {"pipe", turn_pipe},           {"spawn", turn_spawn},
    {"semaphore", turn_semaphore}, {"files", turn_files},         {"socket", turn_socket},
    {"terminal", turn_terminal},   {"threads", turn_threads},     {"memory", turn_memory},
    {"queue", turn_queue},         {"proc", turn_proc},           {"signal", turn_signal},
    {"event", turn_event},         {"condition", turn_condition}, {"mutex", turn_mutex},
    {"files", turn_files},
};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

static pid_t start(int kind, int turns)
{
    pid_t pid = fork();

    NEED(pid >= 0);
    if (pid)
        return pid;
    chance_seed((uint64_t)getpid() * 77 + (uint64_t)kind);
    for (int i = 0; turns == 0 || i < turns; i++) {
        kinds[kind].turn();
        __atomic_fetch_add(&shared->turns[kind], 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

static void set_up(void)
{
    pthread_mutexattr_t attr;
    pthread_condattr_t cattr;

    shared = mmap(NULL, sizeof(*shared), 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(shared != MAP_FAILED);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->mutex, &attr);
    pthread_condattr_init(&cattr);
    pthread_condattr_setpshared(&cattr, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->cond, &cattr);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    memory = shmget(IPC_PRIVATE, 4096, 0600);
    event = eventfd(0, EFD_NONBLOCK);
    NEED(semaphores >= 0 && memory >= 0 && event >= 0);
    NEED(semctl(semaphores, 0, SETVAL, 1) == 0);
    snprintf(place, sizeof(place), "/tmp/massacre.XXXXXX");
    NEED(mkdtemp(place));
    NEED(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

/* Any process of ours, grandchildren too: they are in our session. */
static pid_t anyone(void)
{
    static pid_t found[4096];
    int n = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;

    NEED(d);
    while ((e = readdir(d)) && n < 4096) {
        pid_t pid = atoi(e->d_name);
        if (pid > 1 && pid != getpid() && getpgid(pid) == getpgrp())
            found[n++] = pid;
    }
    closedir(d);
    return n ? found[chance((unsigned)n)] : 0;
}

static int kind_of(const pid_t *workers, pid_t pid)
{
    for (int i = 0; i < KINDS; i++)
        if (workers[i] == pid)
            return i;
    return -1;
}

/* Returns how many were killed. */
static long massacre(pid_t *workers, long seconds)
{
    long killed = 0, seen[KINDS] = {0}, since[KINDS], end = now_ms() + seconds * 1000;

    for (int i = 0; i < KINDS; i++)
        since[i] = now_ms();
    while (now_ms() < end || killed <= 10) {
        pid_t pid = chance(3) ? workers[chance(KINDS)] : anyone();
        killed += pid > 0 && kill(pid, SIGKILL) == 0;
        usleep(chance(10000));
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
            int kind = kind_of(workers, pid);
            if (kind >= 0)
                workers[kind] = start(kind, 0);
        }
        for (int i = 0; i < KINDS; i++) {
            if (shared->turns[i] != seen[i])
                seen[i] = shared->turns[i], since[i] = now_ms();
            else if (now_ms() - since[i] > STUCK_MS)
                die("%s: worker %d makes no progress", kinds[i].name, workers[i]);
        }
    }
    return killed;
}

static void end_all(void)
{
    pid_t pid;

    for (;;) {
        pid = anyone();
        if (pid)
            kill(pid, SIGKILL);
        pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return;
    }
}

int main(int argc, char **argv)
{
    pid_t workers[KINDS];
    char command[128];
    int bad = 0;
    long killed;

    setpgid(0, 0);
    set_up();
    if (argc > 2)
        chance_seed((uint64_t)atoi(argv[2]));
    for (int i = 0; i < KINDS; i++)
        workers[i] = start(i, 0);
    killed = massacre(workers, argc > 1 ? atoi(argv[1]) : 2);
    end_all();
    for (int i = 0; i < KINDS; i++) {
        int status;
        pid_t pid = start(i, 10);
        NEED(waitpid(pid, &status, 0) == pid);
        if (status)
            bad++, printf("%s: %x\n", kinds[i].name, status);
    }
    mq_unlink("/massacre");
    semctl(semaphores, 0, IPC_RMID);
    shmctl(memory, IPC_RMID, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", place);
    NEED(system(command) == 0);
    fprintf(stderr, "%ld killed; turns:", killed);
    for (int i = 0; i < KINDS; i++)
        fprintf(stderr, " %s %ld", kinds[i].name, shared->turns[i]);
    fputc('\n', stderr);
    printf("%s\n", killed > 10 && !bad ? "nothing stuck" : "failed");
    return bad != 0;
}
