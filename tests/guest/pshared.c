/* Mutexes, condition variables, barriers, semaphores and locks shared between processes, at
 * different addresses; robust mutexes whose owner dies. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

struct shared {
    pthread_mutex_t mutex, robust, inherit;
    pthread_cond_t cond;
    pthread_barrier_t barrier;
    pthread_rwlock_t rwlock;
    sem_t sem;
    int turn, count, word;
    volatile int stage;
};

static struct shared *s;

static void setup(struct shared *p)
{
    pthread_mutexattr_t m;
    pthread_condattr_t c;
    pthread_barrierattr_t b;
    pthread_rwlockattr_t r;

    memset(p, 0, sizeof(*p));
    pthread_mutexattr_init(&m);
    pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_mutex_init(&p->mutex, &m) == 0);
    pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST);
    CHECK(pthread_mutex_init(&p->robust, &m) == 0);
    pthread_mutexattr_setprotocol(&m, PTHREAD_PRIO_INHERIT);
    CHECK(pthread_mutex_init(&p->inherit, &m) == 0);
    pthread_condattr_init(&c);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_cond_init(&p->cond, &c) == 0);
    pthread_barrierattr_init(&b);
    pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_barrier_init(&p->barrier, &b, 3) == 0);
    pthread_rwlockattr_init(&r);
    pthread_rwlockattr_setpshared(&r, PTHREAD_PROCESS_SHARED);
    CHECK(pthread_rwlock_init(&p->rwlock, &r) == 0);
    CHECK(sem_init(&p->sem, 1, 0) == 0);
}

static int wait_child(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void pause_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

static void await_stage(int n)
{
    for (int i = 0; i < 10000 && s->stage < n; i++)
        pause_ms(1);
    CHECK(s->stage == n);
}

static void counting(void)
{
    pid_t pid[4];

    for (int i = 0; i < 4; i++) {
        pid[i] = fork();
        if (!pid[i]) {
            for (int n = 0; n < 2000; n++) {
                pthread_mutex_lock(&s->mutex);
                s->count++;
                pthread_mutex_unlock(&s->mutex);
                pthread_rwlock_wrlock(&s->rwlock);
                s->word++;
                pthread_rwlock_unlock(&s->rwlock);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        CHECK(wait_child(pid[i]) == 0);
    CHECK(s->count == 8000 && s->word == 8000);
}

static void ping_pong(int me)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&s->mutex);
        while (s->turn != me)
            pthread_cond_wait(&s->cond, &s->mutex);
        s->turn = !me;
        pthread_cond_broadcast(&s->cond);
        pthread_mutex_unlock(&s->mutex);
    }
}

static void turns(void)
{
    pid_t pid = fork();

    if (!pid) {
        ping_pong(1);
        _exit(0);
    }
    ping_pong(0);
    CHECK(wait_child(pid) == 0);
}

static void meeting(void)
{
    pid_t pid[2];
    int first = 0;

    for (int i = 0; i < 2; i++) {
        pid[i] = fork();
        if (!pid[i]) {
            int n = 0;

            for (int k = 0; k < 50; k++)
                n += pthread_barrier_wait(&s->barrier) != 0;
            sem_post(&s->sem);
            _exit(n);
        }
    }
    for (int k = 0; k < 50; k++)
        first += pthread_barrier_wait(&s->barrier) != 0;
    CHECK(sem_wait(&s->sem) == 0 && sem_wait(&s->sem) == 0);
    first += wait_child(pid[0]) + wait_child(pid[1]);
    CHECK(first == 50);
}

/* How the owner goes. */
static void die(int how, char *self)
{
    if (how == 0)
        _exit(0);
    if (how == 1)
        kill(getpid(), SIGKILL);
    execl(self, self, "child", NULL);
}

static void owner_dies(pthread_mutex_t *m, int how, int before, char *self)
{
    pid_t owner, waiter = 0;

    s->stage = 0;
    owner = fork();
    if (!owner) {
        pthread_mutex_lock(m);
        s->stage = 1;
        while (s->stage == 1)
            pause_ms(1);
        die(how, self);
    }
    await_stage(1);
    CHECK(pthread_mutex_trylock(m) == EBUSY);
    if (before) {
        waiter = fork();
        if (!waiter) {
            int rc = pthread_mutex_lock(m);

            if (rc != EOWNERDEAD || pthread_mutex_consistent(m))
                _exit(1);
            _exit(pthread_mutex_unlock(m) ? 2 : 0);
        }
        pause_ms(20);
    }
    s->stage = 2;
    waitpid(owner, NULL, 0);
    if (before) {
        CHECK(wait_child(waiter) == 0);
    } else {
        CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
        CHECK(pthread_mutex_consistent(m) == 0);
        CHECK(pthread_mutex_unlock(m) == 0);
    }
    CHECK(pthread_mutex_lock(m) == 0 && pthread_mutex_unlock(m) == 0);
}

static void *lock_and_leave(void *m)
{
    pthread_mutex_lock(m);
    return NULL;
}

static void thread_dies(void)
{
    pid_t pid = fork();

    if (!pid) {
        pthread_t t;

        pthread_create(&t, NULL, lock_and_leave, &s->robust);
        pthread_join(t, NULL);
        _exit(pthread_mutex_lock(&s->robust) == EOWNERDEAD ? 0 : 1); /* and dies with it */
    }
    CHECK(wait_child(pid) == 0);
    CHECK(pthread_mutex_lock(&s->robust) == EOWNERDEAD);
    CHECK(pthread_mutex_unlock(&s->robust) == 0); /* not made consistent */
    CHECK(pthread_mutex_lock(&s->robust) == ENOTRECOVERABLE);
}

static long futex(int *word, int op, int value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* The same word at another address, and pages apart. */
static void other_address(void *other)
{
    struct shared *o = other;
    struct timespec long_time = {10, 0}, moment = {0, 20000000};
    pid_t pid;

    s->word = 5;
    s->stage = 0;
    pid = fork();
    if (!pid) {
        long rc;

        s->stage = 1;
        do
            rc = futex(&o->word, FUTEX_WAIT, 5, &long_time);
        while (rc == 0 && o->word == 5);
        _exit(rc == 0 || errno == EAGAIN ? 0 : 1);
    }
    await_stage(1);
    while (futex(&s->word, FUTEX_WAKE, 1, NULL) == 0)
        pause_ms(1);
    s->word = 6;
    futex(&s->word, FUTEX_WAKE, 1, NULL);
    CHECK(wait_child(pid) == 0);
    CHECK_ERR(futex(&o->word, FUTEX_WAIT, 6, &moment), ETIMEDOUT);
    CHECK_ERR(futex(&o->word, FUTEX_WAIT, 7, &moment), EAGAIN);
}

static void everything(void *other, char *self)
{
    counting();
    turns();
    meeting();
    for (int how = 0; how < 3; how++) {
        for (int before = 0; before < 2; before++) {
            owner_dies(&s->robust, how, before, self);
            owner_dies(&s->inherit, how, before, self);
        }
    }
    thread_dies();
    other_address(other);
}

int main(int argc, char **argv)
{
    char path[64];
    void *other;
    int fd, id;

    if (argc > 1)
        return 0;
    snprintf(path, sizeof(path), "/pshared-%d", getpid());
    fd = shm_open(path, O_CREAT | O_RDWR | O_EXCL, 0600);
    CHECK(fd >= 0 && shm_unlink(path) == 0 && ftruncate(fd, sizeof(*s)) == 0);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    other = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    setup(s);
    everything(other, argv[0]);
    fd = open("pshared.tmp", O_CREAT | O_RDWR | O_EXCL, 0600);
    CHECK(fd >= 0 && unlink("pshared.tmp") == 0 && ftruncate(fd, 2 * 4096) == 0);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    other = (char *)mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) + 4096;
    setup(s);
    everything(other, argv[0]);
    id = shmget(IPC_PRIVATE, sizeof(*s), 0600);
    s = shmat(id, NULL, 0);
    other = shmat(id, NULL, 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    setup(s);
    everything(other, argv[0]);
    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setup(s);
    everything(s, argv[0]);
    return check_result();
}
