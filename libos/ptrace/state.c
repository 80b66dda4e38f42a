/* Registers of a stopped tracee.
 *
 * General ones lie in t->regs all the time.  Vector registers are live in the CPU and fs in
 * its base register, so a stop puts them into the segment, and its end takes them from
 * there, changed or not.  Seen from the tracer, all is laid out as Linux has it.
 */
#include <linux/elf.h>
#include <linux/errno.h>

#include "internal.h"
#include "kalloc.h"
#include "lib.h"
#include "uio.h"
#include "usercopy.h"

#define EFLAGS_TF      0x100u
#define EFLAGS_PROGRAM 0x50dd5u /* what a program may set */
#define EFLAGS_ALWAYS  0x202u
#define FIRST_SEGMENT  21 /* words of user_regs_struct behind struct regs */
#define FS_BASE        21
#define GS_BASE        22
#define RIP            16
#define CS             17
#define EFLAGS         18
#define SS             20
#define MXCSR          24  /* offset in the legacy part */
#define XCR0_OFFSET    464 /* where Linux says which components there are */
#define FPSSE          3ULL

/* ---- to and from the CPU ---------------------------------------------------------------- */

bool trace_save_state(struct thread *t)
{
    struct tracee *k = &t->tracee;
    u64 mask = boot()->xcr0;

    if (!k->xstate)
        k->xstate = kpages_alloc(boot()->xsave_size);
    if (!k->xstate)
        return false;
    memset(k->xstate, 0, 1024);
    __asm__ volatile("xsave64 (%0)" ::"r"(k->xstate), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    __asm__("rdfsbase %0" : "=r"(k->fs_base));
    return true;
}

void trace_load_state(struct thread *t)
{
    struct tracee *k = &t->tracee;
    u64 mask = boot()->xcr0;

    if (!k->xstate)
        return;
    __asm__ volatile("xrstor64 (%0)" ::"r"(k->xstate), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    __asm__ volatile("wrfsbase %0" ::"r"(k->fs_base));
}

void trace_drop_state(struct thread *t)
{
    if (t->tracee.xstate)
        kpages_free(t->tracee.xstate, boot()->xsave_size);
    t->tracee.xstate = NULL;
}

/* ---- general registers ------------------------------------------------------------------- */

_Static_assert(sizeof(struct regs) == FIRST_SEGMENT * 8, "user_regs_struct begins so");

void trace_get_regs(const struct thread *t, u64 *regs)
{
    memset(regs, 0, USER_REGS * 8);
    memcpy(regs, t->regs, sizeof(struct regs));
    regs[FS_BASE] = t->tracee.fs_base;
    regs[GS_BASE] = t->attention & ATTN_GS ? t->user_gs : 0;
    if (t->tracee.stepping)
        regs[EFLAGS] &= ~(u64)EFLAGS_TF;
}

/* The host's vDSO is in our range but runs as part of the program. */
static bool code_address_ok(uptr a)
{
    return user_range_ok(a, 1) || (a >= HOSTVDSO_BASE && a < SEG_BASE);
}

long trace_set_regs(struct thread *t, const u64 *regs)
{
    struct regs *r = t->regs;
    u64 cs = r->cs, ss = r->ss;

    if (regs[CS] != cs || regs[SS] != ss || regs[FS_BASE] >= USER_MAX ||
        regs[GS_BASE] >= USER_MAX || !code_address_ok(regs[RIP]))
        return -EIO;
    memcpy(r, regs, sizeof(*r));
    r->eflags = (r->eflags & EFLAGS_PROGRAM) | EFLAGS_ALWAYS;
    t->tracee.stepping = false;
    t->tracee.fs_base = regs[FS_BASE];
    if (regs[GS_BASE] || (t->attention & ATTN_GS)) {
        t->user_gs = regs[GS_BASE];
        __atomic_fetch_or(&t->attention, ATTN_GS, __ATOMIC_RELAXED);
    }
    return 0;
}

static struct thread *stopped(s32 pid)
{
    struct thread *t = trace_mine(pid);

    return t && t->tracee.stopped && !t->tracee.listening ? t : NULL;
}

static long get_regs(s32 pid, u64 *regs)
{
    struct thread *t;

    lock(&trace_lock);
    t = stopped(pid);
    if (t)
        trace_get_regs(t, regs);
    unlock(&trace_lock);
    return t ? 0 : -ESRCH;
}

static long set_regs(s32 pid, const u64 *regs)
{
    struct thread *t;
    long rc = -ESRCH;

    lock(&trace_lock);
    t = stopped(pid);
    if (t)
        rc = trace_set_regs(t, regs);
    unlock(&trace_lock);
    return rc;
}

/* n bytes of them, the others as they are. */
static long regs_part(s32 pid, uptr data, size_t n, bool write)
{
    u64 regs[USER_REGS];
    long rc = get_regs(pid, regs);

    n = MIN(n, sizeof(regs));
    if (rc)
        return rc;
    if (!write)
        return copy_to_user(data, regs, n);
    return copy_from_user(regs, data, n) ? -EFAULT : set_regs(pid, regs);
}

long trace_call_regs(s32 pid, uptr data, bool write)
{
    return regs_part(pid, data, USER_REGS * 8, write);
}

/* ---- vector registers -------------------------------------------------------------------- */

/* A copy of n bytes of the state, or of that many into it. */
static long state_part(s32 pid, void *buf, size_t n, bool write)
{
    struct thread *t;
    long rc = -ESRCH;
    char *x;

    lock(&trace_lock);
    t = stopped(pid);
    x = t ? t->tracee.xstate : NULL;
    if (x && write) {
        memcpy(x, buf, n);
        if (n <= XSTATE_OFFSET)
            *(u64 *)(x + XSTATE_OFFSET) |= FPSSE;
        else
            *(u64 *)(x + XSTATE_OFFSET) &= boot()->xcr0;
    } else if (x) {
        memcpy(buf, x, n);
    }
    if (x)
        rc = 0;
    unlock(&trace_lock);
    return rc;
}

/* What XRSTOR would fault on. */
static bool state_ok(const char *x, size_t n)
{
    static const u64 nothing[7];

    if (*(const u32 *)(x + MXCSR) & ~0xffffu)
        return false;
    return n <= XSTATE_OFFSET || !memcmp(x + XSTATE_OFFSET + 8, nothing, sizeof(nothing));
}

static long state_copy(s32 pid, uptr data, size_t n, bool write)
{
    char *buf = kmalloc(n);
    long rc = buf ? 0 : -ENOMEM;

    if (!rc && write)
        rc = copy_from_user(buf, data, n) ? -EFAULT : state_ok(buf, n) ? 0 : -EINVAL;
    if (!rc)
        rc = state_part(pid, buf, n, write);
    if (!rc && !write) {
        if (n > XSTATE_OFFSET)
            *(u64 *)(buf + XCR0_OFFSET) = boot()->xcr0;
        rc = copy_to_user(data, buf, n);
    }
    kfree(buf);
    return rc;
}

long trace_call_fpregs(s32 pid, uptr data, bool write)
{
    return state_copy(pid, data, FPREGS_SIZE, write);
}

long trace_call_regset(s32 pid, u64 type, uptr at, bool write)
{
    struct iov iov;
    size_t size, unit = 8;
    long rc;

    if (get_user(iov, at))
        return -EFAULT;
    if (type == NT_PRSTATUS)
        size = USER_REGS * 8;
    else if (type == NT_PRFPREG)
        size = FPREGS_SIZE;
    else if (type == NT_X86_XSTATE)
        size = boot()->xsave_size;
    else
        return -EINVAL;
    if (iov.len % unit || (write && type == NT_X86_XSTATE && iov.len < size))
        return write && type == NT_X86_XSTATE ? -EFAULT : -EINVAL;
    iov.len = MIN(iov.len, size);
    if (type == NT_PRSTATUS)
        rc = regs_part(pid, iov.base, iov.len, write);
    else
        rc = iov.len ? state_copy(pid, iov.base, iov.len, write) : 0;
    return rc ? rc : put_user((u64)iov.len, at + offsetof(struct iov, len));
}

/* ---- struct user ------------------------------------------------------------------------- */

#define USER_SIZE  928
#define DEBUG_REGS 848
#define DEBUG_STEP (DEBUG_REGS + 6 * 8)

long trace_peek_user(s32 pid, u64 offset, uptr data)
{
    u64 regs[USER_REGS], value = 0;
    long rc;

    if (offset % 8 || offset >= USER_SIZE)
        return -EIO;
    rc = get_regs(pid, regs);
    if (rc)
        return rc;
    if (offset < sizeof(regs))
        value = regs[offset / 8];
    return put_user(value, data);
}

/* Of the debug registers there are none: no watchpoints in hardware. */
long trace_poke_user(s32 pid, u64 offset, u64 value)
{
    u64 regs[USER_REGS];
    long rc;

    if (offset % 8 || offset >= USER_SIZE)
        return -EIO;
    rc = get_regs(pid, regs);
    if (rc)
        return rc;
    if (offset >= sizeof(regs))
        return offset >= DEBUG_REGS && (value == 0 || offset == DEBUG_STEP) ? 0 : -EIO;
    regs[offset / 8] = value;
    return set_regs(pid, regs);
}

#define ARCH_SET_GS_ 0x1001
#define ARCH_SET_FS_ 0x1002
#define ARCH_GET_FS_ 0x1003
#define ARCH_GET_GS_ 0x1004

long trace_arch(s32 pid, u64 value, int code)
{
    u64 regs[USER_REGS];
    long rc = get_regs(pid, regs);
    int word = code == ARCH_SET_FS_ || code == ARCH_GET_FS_ ? FS_BASE : GS_BASE;

    if (rc)
        return rc;
    if (code < ARCH_SET_GS_ || code > ARCH_GET_GS_)
        return -EINVAL;
    if (code == ARCH_GET_FS_ || code == ARCH_GET_GS_)
        return put_user(regs[word], value);
    if (value >= USER_MAX)
        return -EPERM;
    regs[word] = value;
    return set_regs(pid, regs);
}
