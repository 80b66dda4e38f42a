/* Saves that the inside asks for: a program by /dev/bailey/save, program 1 by its exit.
 *
 * Who asks is brought to rest like all others, so its call ends and is made again; what it has
 * asked is kept in a struct freeze_ask meanwhile.  When it is made again, either the number of
 * resumes has gone up, and this is a copy, or the number of saves that have ended.
 *
 * Locking: none; a freeze_ask belongs to one call at a time.
 */
#include <asm/errno.h>

#include "../../abi/host_abi.h"
#include "freeze.h"
#include "ktime.h"
#include "thread.h"
#include "wait.h"

#define PATIENCE_NS 30000000000ULL /* for another's save to end */

static struct waitq ended = {.waiters = LIST_INIT(ended.waiters)};

void freeze_ended(long result)
{
    freeze_record.result = result;
    __atomic_fetch_add(&freeze_record.saves, 1, __ATOMIC_SEQ_CST);
    waitq_wake_all(&ended, 0);
}

static u32 saves(void) { return __atomic_load_n(&freeze_record.saves, __ATOMIC_SEQ_CST); }

static bool answered(const struct freeze_ask *a)
{
    return a->generation != freeze_record.generation || a->saves != saves();
}

/* One at a time: while another's save lasts, this one waits. */
static long begin(struct freeze_ask *a)
{
    for (;;) {
        long rc;

        a->generation = freeze_record.generation;
        a->saves = saves();
        a->asked = true;
        rc = host_report(HOST_REPORT_SAVE, 0, 0, NULL);
        if (rc == 0)
            return 0;
        a->asked = false;
        if (rc != -EALREADY)
            return rc;
        rc = wait_event(&ended, answered(a), deadline_from_now(PATIENCE_NS));
        if (rc)
            return rc == -ETIMEDOUT ? -EBUSY : -ERESTARTNOINTR;
    }
}

long freeze_ask(struct freeze_ask *a, bool wait)
{
    long rc = a->asked ? 0 : begin(a);

    if (rc)
        return rc;
    if (!answered(a) && !wait)
        return -EAGAIN;
    if (wait_event(&ended, answered(a), HOST_FOREVER))
        return -ERESTARTNOINTR;
    a->asked = false;
    if (a->generation != freeze_record.generation)
        return FREEZE_RESUMED;
    return freeze_record.result < 0 ? freeze_record.result : FREEZE_ORIGINAL;
}
