/* Locks under contention, waiting and waking, wait queues. */
#include <asm/errno.h>

#include "ktime.h"
#include "unit.h"

#define THREADS 4
#define ROUNDS  100000

static struct lock l;
static struct rwlock rw;
static u64 counter, twin;

static void run_all(void (*fn)(void *))
{
    struct hosted_job *j[THREADS];

    for (uptr i = 0; i < THREADS; i++)
        j[i] = hosted_run(fn, (void *)i);
    for (int i = 0; i < THREADS; i++)
        hosted_join(j[i]);
}

static void count(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        lock(&l);
        counter++;
        unlock(&l);
    }
}

static void mutual_exclusion(void **state)
{
    counter = 0;
    run_all(count);
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_int_equal(l.word, 0);
}

static void no_host_call_without_contention(void **state)
{
    u64 calls = hosted_waits + hosted_wakes;

    for (int i = 0; i < 1000; i++) {
        lock(&l);
        unlock(&l);
        read_lock(&rw);
        read_lock(&rw);
        read_unlock(&rw);
        read_unlock(&rw);
        write_lock(&rw);
        write_unlock(&rw);
    }
    assert_int_equal(hosted_waits + hosted_wakes, calls);
}

static void read_and_write(void *arg)
{
    for (int i = 0; i < ROUNDS / 4; i++) {
        if ((i + (int)(uptr)arg) % 4 == 0) {
            write_lock(&rw);
            counter++;
            twin++;
            write_unlock(&rw);
        } else {
            read_lock(&rw);
            ASSERT(READ_ONCE(counter) == READ_ONCE(twin));
            read_unlock(&rw);
        }
    }
}

static void readers_and_writers(void **state)
{
    counter = twin = 0;
    run_all(read_and_write);
    assert_int_equal(counter, THREADS * (ROUNDS / 4) / 4);
    assert_int_equal(rw.state, 0);
    assert_int_equal(rw.waiters, 0);
}

/* A pair plays ping-pong through two wait queues: a lost wake-up would hang. */
static struct waitq queue[2];
static u32 turn;

static void play(void *arg)
{
    u32 me = (u32)(uptr)arg;

    for (int i = 0; i < 20000; i++) {
        long rc = wait_event(&queue[me], __atomic_load_n(&turn, __ATOMIC_ACQUIRE) == me,
                             deadline_in(20 * NSEC));
        ASSERT(rc == 0);
        __atomic_store_n(&turn, !me, __ATOMIC_RELEASE);
        waitq_wake_all(&queue[!me], 0);
    }
}

static void ping_pong(void **state)
{
    waitq_init(&queue[0]);
    waitq_init(&queue[1]);
    struct hosted_job *a = hosted_run(play, (void *)0), *b = hosted_run(play, (void *)1);
    hosted_join(a);
    hosted_join(b);
    assert_true(list_empty(&queue[0].waiters) && list_empty(&queue[1].waiters));
}

static void deadlines(void **state)
{
    struct waitq q;

    waitq_init(&q);
    u64 start = now_mono();
    assert_int_equal(wait_event(&q, false, deadline_in(5000000)), -ETIMEDOUT);
    assert_true(now_mono() - start >= 5000000);
    assert_int_equal(wait_event(&q, true, deadline_in(0)), 0);
    assert_int_equal(wait_event(&q, false, 1), -ETIMEDOUT);
}

/* A wake between thread_sleep_begin and thread_sleep is not lost. */
static void wake_before_sleep(void **state)
{
    u32 seq = thread_sleep_begin();

    thread_wake(current());
    assert_int_equal(thread_sleep(seq, HOST_FOREVER), 0);
}

static struct thread *sleeper;
static long sleeper_rc;

static void sleep_long(void *arg)
{
    struct waitq q;

    waitq_init(&q);
    __atomic_store_n(&sleeper, current(), __ATOMIC_RELEASE);
    sleeper_rc = wait_event(&q, false, deadline_in(20 * NSEC));
}

static void kick_ends_a_sleep(void **state)
{
    struct hosted_job *j = hosted_run(sleep_long, NULL);

    while (!__atomic_load_n(&sleeper, __ATOMIC_ACQUIRE))
        usleep(100);
    usleep(2000);
    thread_kick(sleeper, ATTN_RENDEZVOUS);
    hosted_join(j);
    assert_int_equal(sleeper_rc, -EINTR);
}

/* Exclusive waiters are woken one at a time, in order, the others all at once. */
static u32 woken[4];
static struct waitq many;

static bool note(struct waiter *w, u32 key)
{
    woken[w - (struct waiter *)w->t]++;
    return true;
}

static void exclusive_and_keys(void **state)
{
    struct waiter w[4];

    waitq_init(&many);
    for (int i = 0; i < 4; i++) {
        waiter_init(&w[i]);
        w[i].func = note;
        w[i].t = (struct thread *)w; /* only for note() */
        w[i].flags = i < 2 ? 0 : WAITER_EXCLUSIVE;
        w[i].events = i == 1 ? 4 : 0;
        waitq_add(&many, &w[i]);
    }
    waitq_wake(&many, 0, 1);
    u32 first[4] = {1, 1, 1, 0};
    assert_memory_equal(woken, first, sizeof(first));
    waitq_wake(&many, 1, 2); /* w[1] waits for 4 only */
    u32 second[4] = {2, 1, 2, 1};
    assert_memory_equal(woken, second, sizeof(second));
    waitq_remove(&w[2]);
    waitq_remove(&w[2]); /* twice is harmless */
    waitq_wake(&many, 4, 1);
    u32 third[4] = {3, 2, 2, 2};
    assert_memory_equal(woken, third, sizeof(third));
    for (int i = 0; i < 4; i++)
        waitq_remove(&w[i]);
    assert_true(list_empty(&many.waiters));
}

int main(void)
{
    hosted_start_bare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_exclusion),    cmocka_unit_test(no_host_call_without_contention),
        cmocka_unit_test(readers_and_writers), cmocka_unit_test(ping_pong),
        cmocka_unit_test(deadlines),           cmocka_unit_test(wake_before_sleep),
        cmocka_unit_test(kick_ends_a_sleep),   cmocka_unit_test(exclusive_and_keys),
    };
    return RUN_TESTS(tests);
}
