/* prctl and arch_prctl: the options programs use; the rest is EINVAL, as from a kernel
 * built without them. */
#include <linux/prctl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <asm/prctl.h>

#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM               1
#define ENODEV              19
#define EFAULT              14
#define EINVAL              22
#define EOPNOTSUPP          95
#define CAP_LAST            40
#define TIMER_SLACK_DEFAULT 50000

static long set_name(struct thread *t, uptr from)
{
    char name[16] = {0};
    long n = strncpy_from_user(name, from, sizeof(name));

    if (n == -EFAULT)
        return n;
    name[15] = '\0';
    memcpy(t->comm, name, sizeof(name));
    return 0;
}

static long cap_ambient(struct cred *c, u64 op, u64 cap)
{
    if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
        c->cap_ambient = 0;
        return cap ? -EINVAL : 0;
    }
    if (cap > CAP_LAST)
        return -EINVAL;
    switch (op) {
    case PR_CAP_AMBIENT_IS_SET:
        return c->cap_ambient >> cap & 1;
    case PR_CAP_AMBIENT_LOWER:
        c->cap_ambient &= ~(1UL << cap);
        return 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->cap_permitted & c->cap_inheritable & 1UL << cap))
            return -EPERM;
        c->cap_ambient |= 1UL << cap;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Remembered: the host's memory doesn't fail here, it ends the sandbox.  Kept such that 0 is what a
 * process begins with. */
static long set_mce_kill(struct process *p, u64 op, u64 policy)
{
    if (op == PR_MCE_KILL_CLEAR && policy == 0)
        policy = PR_MCE_KILL_DEFAULT;
    else if (op != PR_MCE_KILL_SET || policy > PR_MCE_KILL_DEFAULT)
        return -EINVAL;
    p->mce_kill = (u8)(policy ^ PR_MCE_KILL_DEFAULT);
    return 0;
}

static long process_option(int option, u64 a, u64 b)
{
    struct thread *t = current();
    struct process *p = t->proc;

    switch (option) {
    case PR_SET_DUMPABLE:
        if (a > 1)
            return -EINVAL;
        p->dumpable = a;
        return 0;
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_SET_CHILD_SUBREAPER:
        p->subreaper = a;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return put_user((s32)p->subreaper, a);
    case PR_SET_PDEATHSIG:
        if (a > NSIG)
            return -EINVAL;
        t->pdeath_signal = (u32)a;
        return 0;
    case PR_GET_PDEATHSIG:
        return put_user((s32)t->pdeath_signal, a);
    case PR_SET_PTRACER:
        return 0;
    case PR_SET_VMA:
        return a == PR_SET_VMA_ANON_NAME ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

long sys_prctl(int option, u64 a, u64 b, u64 c, u64 d)
{
    struct thread *t = current();

    switch (option) {
    case PR_SET_NAME:
        return set_name(t, a);
    case PR_GET_NAME:
        return copy_to_user(a, t->comm, sizeof(t->comm));
    case PR_SET_NO_NEW_PRIVS:
        if (a != 1 || b || c || d)
            return -EINVAL;
        t->no_new_privs = 1;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return a || b || c || d ? -EINVAL : (long)t->no_new_privs;
    case PR_SET_KEEPCAPS:
        if (a > 1)
            return -EINVAL;
        t->keep_caps = a;
        return 0;
    case PR_GET_KEEPCAPS:
        return t->keep_caps;
    case PR_CAPBSET_READ:
        return a > CAP_LAST ? -EINVAL : (long)(t->cred.cap_bset >> a & 1);
    case PR_CAPBSET_DROP:
        if (!capable(CAP_SETPCAP))
            return -EPERM;
        if (a > CAP_LAST)
            return -EINVAL;
        t->cred.cap_bset &= ~(1UL << a);
        return 0;
    case PR_CAP_AMBIENT:
        return cap_ambient(&t->cred, a, b);
    case PR_GET_SECUREBITS:
        return 0;
    case PR_SET_SECUREBITS:
        return capable(CAP_SETPCAP) && a == 0 ? 0 : -EPERM;
    case PR_SET_TIMERSLACK:
        t->timer_slack = a ? (u32)a : TIMER_SLACK_DEFAULT;
        return 0;
    case PR_GET_TIMERSLACK:
        return t->timer_slack ? t->timer_slack : TIMER_SLACK_DEFAULT;
    case PR_GET_SECCOMP:
        return 0;
    case PR_SET_SECCOMP:
        return -EINVAL;
    case PR_GET_TSC:
        return put_user((s32)PR_TSC_ENABLE, a);
    case PR_SET_TSC:
        return a == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_TIMING:
        return 0;
    case PR_SET_TIMING:
        return a == 0 ? 0 : -EINVAL;
    case PR_GET_TID_ADDRESS:
        return put_user(t->clear_child_tid, a);
    case PR_MCE_KILL:
        return c || d ? -EINVAL : set_mce_kill(t->proc, a, b);
    case PR_MCE_KILL_GET:
        return a || b || c || d ? -EINVAL : (long)(t->proc->mce_kill ^ PR_MCE_KILL_DEFAULT);
    case PR_SET_THP_DISABLE:
        if (b || c || d)
            return -EINVAL;
        t->proc->thp_disable = a;
        return 0;
    case PR_GET_THP_DISABLE:
        return a || b || c || d ? -EINVAL : (long)t->proc->thp_disable;
    case PR_SET_MM: /* for restorers of checkpoints */
        return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
    case PR_GET_SPECULATION_CTRL:
    case PR_SET_SPECULATION_CTRL:
        return -ENODEV;
    default:
        return process_option(option, a, b);
    }
}

long sys_arch_prctl(int code, u64 addr)
{
    struct thread *t = current();
    u64 v;

    switch (code) {
    case ARCH_SET_FS:
        if (addr >= USER_MAX)
            return -EPERM;
        __asm__ volatile("wrfsbase %0" ::"r"(addr));
        return 0;
    case ARCH_GET_FS:
        __asm__ volatile("rdfsbase %0" : "=r"(v));
        return put_user(v, addr);
    case ARCH_SET_GS:
        if (addr >= USER_MAX)
            return -EPERM;
        t->user_gs = addr;
        __atomic_fetch_or(&t->attention, ATTN_GS, __ATOMIC_RELAXED);
        sites_forbid(t->proc->mm);
        return 0;
    case ARCH_GET_GS:
        return put_user(t->user_gs, addr);
    case ARCH_GET_CPUID:
        return 1;
    case ARCH_SET_CPUID:
        return -ENODEV; /* as on a CPU that can't; ours may fault already (core/cpuid.c) */
    default:
        return -EINVAL;
    }
}

/* No restartable sequences: glibc falls back when they are not there. */
