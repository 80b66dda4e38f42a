/* Futexes with waiters: mutexes of all kinds in private and in shared memory, conditions, barriers,
 * read-write locks, what a robust one tells when its owner has died, priority inheritance. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "saving.h"

#define WAITERS 8

/* In memory that a child shares. */
struct shared {
    pthread_mutex_t mutex, robust, inherits;
    pthread_cond_t condition;
    pthread_barrier_t barrier;
    pthread_rwlock_t rw;
    unsigned plain, requeued;
    int go, woken, after_barrier, read, written, moved;
};
static struct shared *s;
static volatile pid_t tids[6 * WAITERS];
static volatile int threads;

static void begin(void) { tids[__atomic_fetch_add(&threads, 1, __ATOMIC_SEQ_CST)] = gettid(); }

static void *on_condition(void *unused)
{
    begin();
    pthread_mutex_lock(&s->mutex);
    while (!s->go)
        pthread_cond_wait(&s->condition, &s->mutex);
    s->woken++;
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static void *on_barrier(void *unused)
{
    begin();
    pthread_barrier_wait(&s->barrier);
    __atomic_fetch_add(&s->after_barrier, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *on_read(void *unused)
{
    begin();
    pthread_rwlock_rdlock(&s->rw);
    __atomic_fetch_add(&s->read, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_unlock(&s->rw);
    return NULL;
}

static void *on_inherits(void *unused)
{
    begin();
    pthread_mutex_lock(&s->inherits);
    s->written++;
    pthread_mutex_unlock(&s->inherits);
    return NULL;
}

static void *on_requeue(void *unused)
{
    begin();
    if (syscall(SYS_futex, &s->plain, FUTEX_WAIT, 0, NULL, NULL, 0) == 0)
        __atomic_fetch_add(&s->moved, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void make(void)
{
    pthread_mutexattr_t m;
    pthread_condattr_t c;
    pthread_barrierattr_t b;
    pthread_rwlockattr_t r;

    s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&m);
    pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->mutex, &m);
    pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &m);
    pthread_mutexattr_setrobust(&m, PTHREAD_MUTEX_STALLED);
    pthread_mutexattr_setprotocol(&m, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&s->inherits, &m);
    pthread_condattr_init(&c);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&s->condition, &c);
    pthread_barrierattr_init(&b);
    pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&s->barrier, &b, WAITERS + 2);
    pthread_rwlockattr_init(&r);
    pthread_rwlockattr_setpshared(&r, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(&s->rw, &r);
}

/* Another process holds the robust mutex, waits at the condition and the barrier. */
static pid_t child(int *go)
{
    int ends[2], ready[2];
    char c;

    pipe(ends);
    pipe(ready);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t[2];
        close(ends[1]);
        pthread_mutex_lock(&s->robust);
        pthread_create(&t[0], NULL, on_condition, NULL);
        pthread_create(&t[1], NULL, on_barrier, NULL);
        write(ready[1], "x", 1);
        read(ends[0], &c, 1);
        pthread_join(t[0], NULL);
        pthread_join(t[1], NULL);
        _exit(0); /* with the mutex locked */
    }
    read(ready[0], &c, 1);
    close(ends[0]);
    *go = ends[1];
    return pid;
}

int main(void)
{
    void *(*const kinds[])(void *) = {on_condition, on_barrier, on_read, on_inherits, on_requeue};
    pthread_t t[5][WAITERS];
    int go, status;

    make();
    pthread_rwlock_wrlock(&s->rw);
    pthread_mutex_lock(&s->inherits);
    pid_t pid = child(&go);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < WAITERS; i++)
            pthread_create(&t[k][i], NULL, kinds[k], NULL);
    while (threads < 5 * WAITERS)
        usleep(1000);
    for (int i = 0; i < threads; i++)
        while (thread_state(tids[i]) != 'S')
            usleep(1000);
    CHECK(syscall(SYS_futex, &s->plain, FUTEX_REQUEUE, 1, WAITERS / 2, &s->requeued, 0) ==
          1 + WAITERS / 2);

    save();

    CHECK(s->woken == 0 && s->after_barrier == 0 && s->read == 0 && s->written == 0);
    pthread_mutex_lock(&s->mutex);
    s->go = 1;
    pthread_cond_broadcast(&s->condition);
    pthread_mutex_unlock(&s->mutex);
    pthread_barrier_wait(&s->barrier);
    pthread_rwlock_unlock(&s->rw);
    pthread_mutex_unlock(&s->inherits);
    CHECK(syscall(SYS_futex, &s->requeued, FUTEX_WAKE, 100) == WAITERS / 2);
    CHECK(syscall(SYS_futex, &s->plain, FUTEX_WAKE, 100) == WAITERS - 1 - WAITERS / 2);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < WAITERS; i++)
            pthread_join(t[k][i], NULL);
    CHECK(write(go, "x", 1) == 1);
    CHECK(pthread_mutex_lock(&s->robust) == EOWNERDEAD);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(s->woken == WAITERS + 1 && s->after_barrier == WAITERS + 1 && s->read == WAITERS &&
          s->written == WAITERS && s->moved == WAITERS);
    CHECK(pthread_mutex_consistent(&s->robust) == 0 && pthread_mutex_unlock(&s->robust) == 0);
    return check_result();
}
