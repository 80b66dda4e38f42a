/* select(2) and pselect6(2): poll over bit sets. */
#include <linux/errno.h>

#include "../../abi/host_abi.h"
#include "lib.h"
#include "pollwait.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define SELECT_IN  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EX  POLLPRI
#define FEW_WORDS  4 /* 256 descriptors on the stack */

enum { IN, OUT, EX, SETS };
static const u32 set_mask[SETS] = {SELECT_IN, SELECT_OUT, SELECT_EX};

struct select_sets {
    u32 words;
    u64 *want[SETS], *got[SETS];
    uptr user[SETS];
};

/* Number of bits of `got` set for descriptor fd, or -EBADF. */
static long select_one(struct select_sets *s, struct pollwait *pw, u32 fd, bool wait)
{
    u64 bit = 1ULL << (fd % 64);
    u32 word = fd / 64, events = 0, mask;
    struct file *f;
    long count = 0;

    for (int i = 0; i < SETS; i++)
        if (s->want[i][word] & bit)
            events |= set_mask[i];
    f = fd_get_io((int)fd);
    if (!f)
        return -EBADF;
    mask = pollwait_ask(pw, f, events, wait);
    file_put(f);
    for (int i = 0; i < SETS; i++) {
        if ((s->want[i][word] & bit) && (mask & set_mask[i])) {
            s->got[i][word] |= bit;
            count++;
        }
    }
    return count;
}

static long select_scan(void *arg, struct pollwait *pw, bool wait)
{
    struct select_sets *s = arg;
    long count = 0;

    for (u32 w = 0; w < s->words; w++) {
        u64 all = s->want[IN][w] | s->want[OUT][w] | s->want[EX][w];

        for (; all; all &= all - 1) {
            long rc = select_one(s, pw, w * 64 + (u32)__builtin_ctzll(all), wait && !count);

            if (rc < 0)
                return rc;
            count += rc;
        }
    }
    return count;
}

/* Linux moves sets in whole longs; bits past n are dropped. */
static long read_sets(struct select_sets *s, int n)
{
    size_t bytes = s->words * sizeof(u64);
    u64 tail = n % 64 ? (1ULL << (n % 64)) - 1 : ~0ULL;

    for (int i = 0; i < SETS; i++) {
        memset(s->want[i], 0, bytes);
        memset(s->got[i], 0, bytes);
        if (s->user[i] && copy_from_user(s->want[i], s->user[i], bytes))
            return -EFAULT;
        if (s->words)
            s->want[i][s->words - 1] &= tail;
    }
    return 0;
}

static long write_sets(const struct select_sets *s)
{
    for (int i = 0; i < SETS; i++)
        if (s->user[i] && copy_to_user(s->user[i], s->got[i], s->words * sizeof(u64)))
            return -EFAULT;
    return 0;
}

/* Bits counted, 0, -EINTR, or another error. */
static long do_select(int n, uptr in, uptr out, uptr ex, u64 deadline)
{
    struct select_sets s = {.user = {in, out, ex}};
    u64 few[2 * SETS * FEW_WORDS], *mem = few;
    long rc;

    if (n < 0)
        return -EINVAL;
    /* Descriptors past the table can't be open: their bits are not looked at. */
    n = (int)MIN((u32)n, ALIGN_UP(READ_ONCE(current()->proc->files->size), 64));
    s.words = ((u32)n + 63) / 64;
    if (s.words > FEW_WORDS)
        mem = kmalloc(2 * SETS * s.words * sizeof(u64));
    if (!mem)
        return -ENOMEM;
    for (u32 i = 0; i < SETS; i++) {
        s.want[i] = mem + i * s.words;
        s.got[i] = mem + (SETS + i) * s.words;
    }
    rc = read_sets(&s, n);
    if (!rc)
        rc = pollwait_run(select_scan, &s, deadline);
    if (rc >= 0 && write_sets(&s))
        rc = -EFAULT;
    if (mem != few)
        kfree(mem);
    return rc;
}

/* Puts the time left where the timeout came from, in its unit.  Read-only memory there is
 * no error, but then the call can't be restarted with the rest. */
static long remaining(uptr timeout, u64 unit, u64 deadline, long rc)
{
    u64 now = now_mono(), ns = deadline > now ? deadline - now : 0;
    s64 left[2] = {(s64)(ns / NSEC), (s64)(ns % NSEC / unit)};

    if (!timeout || deadline == HOST_FOREVER)
        return rc;
    if (copy_to_user(timeout, left, sizeof(left)) && rc == -ERESTARTNOHAND)
        return -EINTR;
    return rc;
}

long sys_select(int n, uptr in, uptr out, uptr ex, uptr timeout)
{
    u64 deadline = HOST_FOREVER;
    struct timeval_k tv;
    long rc;

    if (timeout) {
        if (copy_from_user(&tv, timeout, sizeof(tv)))
            return -EFAULT;
        if (tv.sec < 0 || tv.usec < 0)
            return -EINVAL;
        tv.sec = MIN(tv.sec, INT64_MAX / 2);
        tv.sec += tv.usec / 1000000; /* Linux takes microseconds past a second */
        tv.usec %= 1000000;
        deadline = poll_deadline(tv.sec > (s64)(~0ULL / 2 / NSEC)
                                     ? ~0ULL / 2
                                     : (u64)tv.sec * NSEC + (u64)tv.usec * 1000);
    }
    rc = do_select(n, in, out, ex, deadline);
    if (rc == -EINTR)
        rc = -ERESTARTNOHAND;
    return remaining(timeout, 1000, deadline, rc);
}

struct sigmask_arg { /* the sixth argument of pselect6 */
    uptr mask;
    size_t size;
};

long sys_pselect6(int n, uptr in, uptr out, uptr ex, uptr timeout, uptr sig)
{
    struct sigmask_arg arg = {0, 0};
    u64 deadline;
    long rc;

    if (sig && copy_from_user(&arg, sig, sizeof(arg)))
        return -EFAULT;
    rc = poll_deadline_user(timeout, &deadline);
    if (rc)
        return rc;
    rc = sigmask_enter(arg.mask, arg.size);
    if (rc)
        return rc;
    rc = do_select(n, in, out, ex, deadline);
    if (rc == -EINTR)
        rc = -ERESTARTNOHAND;
    sigmask_leave(rc);
    return remaining(timeout, 1, deadline, rc);
}
