/* A thread that has ended, and whose place another has taken, before its creator is back in
 * the program: the creator is told the number all the same.  Told 0, it would take itself
 * for the new thread. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 4000, CREATORS = 6, STACK = 16384 };

static _Alignas(16) char stacks[CREATORS][STACK];
static atomic_int elsewhere, wrong;

static int gone(void *arg)
{
    char here, *stack = arg;

    elsewhere += &here < stack || &here >= stack + STACK;
    return 0;
}

static void *create(void *stack)
{
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                      CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    atomic_int alive;

    for (int i = 0; i < ROUNDS && !elsewhere; i++) {
        int tid = 0;
        alive = 1;
        int rc = clone(gone, (char *)stack + STACK, flags, stack, &tid, NULL, &alive);
        wrong += rc <= 0 || rc != tid;
        while (rc > 0 && alive)
            syscall(SYS_futex, &alive, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    return NULL;
}

int main(void)
{
    pthread_t creators[CREATORS]; /* more of them than processors: some must wait for one */

    for (int i = 0; i < CREATORS; i++)
        CHECK(pthread_create(&creators[i], NULL, create, stacks[i]) == 0);
    for (int i = 0; i < CREATORS; i++)
        pthread_join(creators[i], NULL);
    CHECK(wrong == 0);
    CHECK(elsewhere == 0);
    return check_result();
}
