/* Kernel timers: order, re-arming, cancelling while they run. */
#include "ktime.h"
#include "kalloc.h"
#include "unit.h"

#define MS 1000000UL

static struct lock order_lock;
static int order[16], fired;

struct numbered {
    struct ktimer timer;
    int number;
};

static void note(struct ktimer *k)
{
    struct numbered *n = container_of(k, struct numbered, timer);

    lock(&order_lock);
    order[fired++ % 16] = n->number;
    unlock(&order_lock);
}

static int count_fired(void)
{
    lock(&order_lock);
    int n = fired;
    unlock(&order_lock);
    return n;
}

static void wait_fired(int n)
{
    for (int i = 0; i < 60000 && count_fired() < n; i++)
        usleep(1000);
    assert_int_equal(count_fired(), n);
}

static void in_order(void **state)
{
    static const int delay[] = {440, 410, 430, 420, 450}; /* all are armed before the first */
    static const int want[] = {1, 3, 2, 0, 4};
    struct numbered t[5];
    u64 now = now_mono();

    fired = 0;
    for (int i = 0; i < 5; i++) {
        t[i].number = i;
        ktimer_init(&t[i].timer, note);
        ktimer_arm(&t[i].timer, now + (u64)delay[i] * MS);
    }
    wait_fired(5);
    assert_memory_equal(order, want, sizeof(want));
    assert_true(now_mono() >= now + 450 * MS);
    for (int i = 0; i < 5; i++)
        assert_false(ktimer_cancel(&t[i].timer));
}

static void cancel_and_rearm(void **state)
{
    struct numbered a = {.number = 1}, b = {.number = 2};

    ktimer_init(&a.timer, note);
    ktimer_init(&b.timer, note);
    for (;;) { /* again if the machine was so slow that one of them expired meanwhile */
        u64 due = now_mono() + 10 * MS;
        fired = 0;
        ktimer_arm(&a.timer, due);
        ktimer_arm(&b.timer, due);
        bool first = ktimer_cancel(&a.timer), second = ktimer_cancel(&a.timer);
        ktimer_arm(&b.timer, now_mono() + 1000000 * MS); /* later */
        if (now_mono() >= due)
            continue;
        assert_true(first);
        assert_false(second);
        break;
    }
    usleep(30000);
    assert_int_equal(count_fired(), 0);
    ktimer_arm(&b.timer, now_mono()); /* earlier */
    wait_fired(1);
}

static u32 slow_state;

static void slow(struct ktimer *k)
{
    __atomic_store_n(&slow_state, 1, __ATOMIC_SEQ_CST);
    usleep(20000);
    __atomic_store_n(&slow_state, 2, __ATOMIC_SEQ_CST);
    ktimer_arm(k, now_mono() + MS); /* cancel must see to this one too */
}

static void cancel_waits_for_the_function(void **state)
{
    struct ktimer t;

    slow_state = 0;
    ktimer_init(&t, slow);
    ktimer_arm(&t, now_mono());
    while (!__atomic_load_n(&slow_state, __ATOMIC_SEQ_CST))
        usleep(100);
    ktimer_cancel(&t);
    assert_int_equal(slow_state, 2);
    slow_state = 0;
    usleep(5000);
    assert_int_equal(slow_state, 0);
}

/* A heap of many, changed at random, against the deadlines themselves. */
#define MANY 500
static u64 latest_deadline;
static u32 out_of_order, many_fired;
static void check_order(struct ktimer *k)
{
    if (k->deadline < latest_deadline)
        out_of_order++;
    latest_deadline = k->deadline;
    __atomic_fetch_add(&many_fired, 1, __ATOMIC_SEQ_CST);
}

static void random_heap(void **state)
{
    static struct ktimer t[MANY];
    u32 armed = 0;
    u64 base, span = 300 * MS;

    srand(7);
    for (int i = 0; i < MANY; i++)
        ktimer_init(&t[i], check_order);
    do { /* again, with more time, on a machine so slow that the first expired meanwhile */
        for (int i = 0; i < MANY; i++)
            ktimer_cancel(&t[i]);
        many_fired = out_of_order = armed = 0;
        latest_deadline = 0;
        base = now_mono() + span;
        for (int i = 0; i < 20000; i++) {
            struct ktimer *k = &t[rand() % MANY];
            if (rand() % 3)
                ktimer_arm(k, base + (u64)(rand() % 1000) * 20000);
            else
                ktimer_cancel(k);
        }
        for (int i = 0; i < MANY; i++)
            armed += t[i].armed;
        span *= 4;
    } while (now_mono() >= base);
    for (int i = 0; i < 60000 && __atomic_load_n(&many_fired, __ATOMIC_SEQ_CST) < armed; i++)
        usleep(1000);
    assert_int_equal(many_fired, armed);
    assert_int_equal(out_of_order, 0);
}

static void conversions(void **state)
{
    u64 ns;
    struct timespec_k ok = {1, 5}, big = {1L << 62, 0}, bad = {0, (s64)NSEC}, neg = {-1, 0};

    assert_int_equal(timespec_to_ns(&ok, &ns), 0);
    assert_int_equal(ns, NSEC + 5);
    assert_int_equal(timespec_to_ns(&big, &ns), 0);
    assert_int_equal(deadline_in(ns), HOST_FOREVER);
    assert_true(timespec_to_ns(&bad, &ns) < 0);
    assert_true(timespec_to_ns(&neg, &ns) < 0);
}

int main(void)
{
    hosted_start_bare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(cancel_and_rearm),
        cmocka_unit_test(cancel_waits_for_the_function),
        cmocka_unit_test(random_heap),
        cmocka_unit_test(conversions),
    };
    return RUN_TESTS(tests);
}
