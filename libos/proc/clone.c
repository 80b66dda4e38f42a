/* clone, clone3, fork, vfork.
 *
 * A thread is a host thread on a new slot.  A process without CLONE_VM is a host fork
 * of the address space: the library OS is in shared memory and needs no copying; the
 * VMA tree is copied and the host cloned under one hold of mm->lock, so that tree and
 * pages agree.  With CLONE_VM (vfork, posix_spawn) the child is one more host thread in
 * the same address space until it execs. */
#include <linux/capability.h>
#include <linux/resource.h>

#include "freeze.h"
#include "ktime.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscall.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EINVAL 22
#define ENOSYS 38
#define PF_CLONE_UNSUPPORTED                                                                       \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_NEWTIME)

/* What clone3 may be given: no signal, not CLONE_DETACHED, no control groups. */
#define CLONE3_FLAGS                                                                               \
    ((0xffffff00UL & ~(u64)CLONE_DETACHED) | (u64)CLONE_NEWTIME | (u64)CLONE_CLEAR_SIGHAND)
#define MAX_PID_LEVELS 32

struct clone_request {
    u64 flags;
    uptr stack; /* 0: the parent's */
    uptr parent_tid, child_tid, tls, pidfd;
    int exit_signal;
};

static long check(const struct clone_request *r)
{
    u64 f = r->flags;

    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((f & CLONE_CLEAR_SIGHAND) && (f & CLONE_SIGHAND))
        return -EINVAL;
    if (f & PF_CLONE_UNSUPPORTED)
        return f & CLONE_NEWUSER ? -28 /* ENOSPC: no user namespaces */ : -1 /* EPERM */;
    if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
        return -EINVAL;
    /* The new thread could not load it. */
    if ((f & CLONE_SETTLS) && r->tls >= USER_MAX)
        return -1; /* EPERM */
    return 0;
}

/* The child starts where the parent is, with rax = 0. */
static void init_thread(struct thread *t, const struct clone_request *r)
{
    struct thread *me = current();

    *t->regs = *me->regs;
    t->regs->rax = 0;
    t->regs->orig_rax = NOT_A_SYSCALL;
    if (r->stack)
        t->regs->rsp = r->stack;
    signal_thread_init(t);
    t->sig.blocked = me->sig.blocked;
    if (!(r->flags & CLONE_VM) || (r->flags & CLONE_VFORK)) {
        t->sig.alt_sp = me->sig.alt_sp;
        t->sig.alt_size = me->sig.alt_size;
        t->sig.alt_flags = me->sig.alt_flags;
    }
    t->cred = me->cred;
    thread_fork_policy(t, me);
    t->personality = me->personality;
    memcpy(t->affinity, me->affinity, sizeof(t->affinity));
    memcpy(t->comm, me->comm, sizeof(t->comm));
    t->no_new_privs = me->no_new_privs;
    t->timer_slack = me->timer_slack;
    t->start_ns = now_boot();
    __asm__("rdfsbase %0" : "=r"(t->fs_base));
    if (r->flags & CLONE_SETTLS)
        t->fs_base = r->tls;
    if (me->attention & ATTN_GS) {
        t->user_gs = me->user_gs;
        t->attention |= ATTN_GS;
    }
    t->clear_child_tid = r->flags & CLONE_CHILD_CLEARTID ? r->child_tid : 0;
    t->set_child_tid = r->flags & CLONE_CHILD_SETTID ? r->child_tid : 0;
}

/* On the new thread, before its first program instruction. */
void thread_first_run(struct thread *t)
{
    if (t->exec_job)
        exec_resume(t);
    if (t->fork_child) { /* a copy's first thread: the host process bears its number */
        t->host_pid = t->proc->host_pid = (s32)t->host_tid;
        mm_fork_child(t->proc->mm);
    }
    t->fork_child = false;
    if (freeze_wanted()) /* or those that fork for ever were never caught */
        __atomic_fetch_or(&t->attention, ATTN_RENDEZVOUS, __ATOMIC_SEQ_CST);
    if (t->set_child_tid)
        put_user((s32)t->tid, t->set_child_tid);
    t->set_child_tid = 0;
}

static long start_thread(struct thread *t, const struct clone_request *r)
{
    struct process *p = current()->proc;
    s32 tid = t->tid; /* started, t may be gone again at once */
    long rc = fs_for_thread(t, r->flags & CLONE_FS);

    if (rc)
        return rc;
    t->proc = p;
    lock(&p->lock);
    if (p->group_exit || p->execing) { /* nor do we return to see it */
        unlock(&p->lock);
        fs_leave(t);
        set_attention(ATTN_EXIT);
        return -EAGAIN;
    }
    list_add_tail(&p->threads, &t->link);
    p->nthreads++;
    unlock(&p->lock);
    t->host_pid = current()->host_pid;
    __atomic_fetch_add(&p->mm->host_threads, 1, __ATOMIC_RELAXED);
    if (r->flags & CLONE_PARENT_SETTID)
        put_user(tid, r->parent_tid);
    if (unlikely(READ_ONCE(current()->tracee.tracer)))
        trace_child(t, r->flags | CLONE_THREAD, r->exit_signal);
    rc = thread_start_host(t, false);
    if (rc < 0) {
        trace_forget(t);
        __atomic_fetch_sub(&p->mm->host_threads, 1, __ATOMIC_RELAXED);
        lock(&p->lock);
        list_del(&t->link);
        p->nthreads--;
        unlock(&p->lock);
        fs_leave(t);
        return -EAGAIN;
    }
    return tid;
}

/* Host side of a new process: a thread in this address space, or a copy of it. */
static long start_space(struct process *child, struct thread *t, u64 flags)
{
    struct mm *mm = current()->proc->mm;
    long rc;

    if (flags & CLONE_VM) {
        ref_get(&mm->refs);
        __atomic_fetch_add(&mm->users, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&mm->host_threads, 1, __ATOMIC_RELAXED);
        child->mm = mm;
        t->host_pid = child->host_pid = current()->host_pid;
        rc = thread_start_host(t, false);
        if (rc < 0) {
            __atomic_fetch_sub(&mm->host_threads, 1, __ATOMIC_RELAXED);
            __atomic_fetch_sub(&mm->users, 1, __ATOMIC_RELAXED);
            mm_put(mm);
        }
        return rc;
    }
    lock(&mm->lock);
    child->mm = mm_copy(mm);
    if (!child->mm) {
        unlock(&mm->lock);
        return -ENOMEM;
    }
    child->mm->host_threads = 1;
    t->fork_child = true;
    rc = thread_start_host(t, true);
    unlock(&mm->lock);
    if (rc < 0)
        mm_put(child->mm);
    return rc; /* t may be gone again, and its slot another's */
}

static long give_pidfd(struct process *child, uptr to)
{
    long fd = pidfd_install(child, 0);

    if (fd >= 0 && put_user((s32)fd, to)) {
        fd_close((int)fd);
        return -EFAULT;
    }
    return fd < 0 ? fd : 0;
}

/* With a signal to see to, the fork is put off until after it. */
static bool link_child(struct process *child, bool sibling)
{
    bool ok;

    fork_begin();
    ok = !signal_pending();
    if (ok)
        process_link(child, sibling);
    fork_end();
    return ok;
}

/* If the child has let go of us already it is about to say so. */
static bool let_go(struct thread *me)
{
    struct thread *self = me;

    return __atomic_compare_exchange_n(&me->vfork_child->vfork_parent, &self, NULL, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The child borrows our memory and stack: nothing but its exec or end lets us go on, or
 * our own end, which takes nothing from it.  The call is over for a thread that is saved
 * here: a resumed one only goes on waiting. */
void vfork_wait(struct thread *me)
{
    u64 nr = me->regs->orig_rax;

    me->regs->orig_rax = NOT_A_SYSCALL;
    while (!__atomic_load_n(&me->vfork_done, __ATOMIC_ACQUIRE)) {
        u32 seq = thread_sleep_begin();
        if (__atomic_load_n(&me->vfork_done, __ATOMIC_ACQUIRE))
            break;
        if (READ_ONCE(me->attention) & ATTN_RENDEZVOUS) {
            freeze_park(me);
            continue;
        }
        if (thread_sleep_killable(seq, HOST_FOREVER) == 0)
            continue;
        if (let_go(me))
            break;
        thread_sleep_uninterruptible(seq, deadline_from_now(1000000));
    }
    me->regs->orig_rax = nr;
    me->vfork_child = NULL;
    if (unlikely(READ_ONCE(me->tracee.tracer)))
        trace_vfork_done((s32)me->regs->rax);
}

static long start_process(struct thread *t, const struct clone_request *r)
{
    struct process *child = process_new(r->flags);
    struct thread *me = current();
    s32 pid = t->tid;
    long rc;

    if (!child)
        return -ENOMEM;
    child->pid = pid;
    child->leader = t;
    child->exit_signal = (u8)r->exit_signal;
    child->forknoexec = true;
    t->proc = child;
    list_add_tail(&child->threads, &t->link);
    child->nthreads = 1;
    if (r->flags & CLONE_VFORK)
        t->vfork_parent = me;
    if (r->flags & CLONE_PARENT_SETTID)
        put_user(pid, r->parent_tid);
    me->vfork_done = 0;
    if (!link_child(child, r->flags & CLONE_PARENT)) {
        process_drop_shares(child);
        process_put(child);
        return -ERESTARTNOINTR;
    }
    rc = r->flags & CLONE_PIDFD ? give_pidfd(child, r->pidfd) : 0;
    if (unlikely(READ_ONCE(me->tracee.tracer)))
        trace_child(t, r->flags, r->exit_signal);
    if (rc == 0)
        rc = start_space(child, t, r->flags);
    if (rc < 0) {
        trace_forget(t);
        process_unlink(child);
        process_drop_shares(child);
        process_release(child);
        return rc == -ENOMEM || rc == -EFAULT || rc == -24 /* EMFILE */ ? rc : -EAGAIN;
    }
    if (r->flags & CLONE_VFORK) {
        me->vfork_child = t;
        me->regs->rax = (u64)pid; /* should it be saved meanwhile */
        if (unlikely(READ_ONCE(me->tracee.tracer)))
            trace_cloned(r->flags, r->exit_signal, pid);
        vfork_wait(me);
    }
    return pid;
}

void vfork_done(struct thread *t)
{
    struct thread *parent = __atomic_exchange_n(&t->vfork_parent, NULL, __ATOMIC_ACQ_REL);

    if (!parent)
        return;
    __atomic_store_n(&parent->vfork_done, 1, __ATOMIC_RELEASE);
    thread_wake(parent);
}

/* RLIMIT_NPROC, which binds those without rights only. */
static bool user_has_too_many(const struct thread *me)
{
    u64 limit = me->proc->rlimits[RLIMIT_NPROC][0];

    return limit < PID_MAX && me->cred.uid && !capable(CAP_SYS_RESOURCE) &&
           !capable(CAP_SYS_ADMIN) && thread_count_of(me->cred.uid) >= limit;
}

static long do_clone(const struct clone_request *r)
{
    struct thread *t;
    long rc = check(r);

    if (rc)
        return rc;
    if (user_has_too_many(current()))
        return -EAGAIN;
    t = thread_alloc();
    if (!t)
        return -EAGAIN;
    t->tid = pid_alloc(t);
    if (t->tid < 0) {
        thread_free(t);
        return -EAGAIN;
    }
    init_thread(t, r);
    rc = r->flags & CLONE_THREAD ? start_thread(t, r) : start_process(t, r);
    if (rc < 0) {
        pid_free(t->tid, t);
        t->proc = NULL;
        thread_free(t);
    } else if (unlikely(READ_ONCE(current()->tracee.tracer)) && !(r->flags & CLONE_VFORK)) {
        trace_cloned(r->flags, r->exit_signal, (s32)rc);
    }
    return rc;
}

long sys_clone(u64 flags, uptr stack, uptr parent_tid, uptr child_tid, u64 tls)
{
    struct clone_request r = {.flags = flags & ~0xffUL & 0xffffffffUL,
                              .stack = stack,
                              .pidfd = parent_tid,
                              .parent_tid = parent_tid,
                              .child_tid = child_tid,
                              .tls = tls,
                              .exit_signal = (int)(flags & 0xff)};

    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL; /* one argument for both */
    return do_clone(&r);
}

long sys_fork(void)
{
    struct clone_request r = {.exit_signal = 17};
    return do_clone(&r);
}

long sys_vfork(void)
{
    struct clone_request r = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = 17};
    return do_clone(&r);
}

long sys_clone3(uptr args, size_t size)
{
    struct clone_args a = {0};
    struct clone_request r;

    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -7; /* E2BIG */
    if (copy_from_user(&a, args, MIN(size, sizeof(a))))
        return -14;
    if ((a.flags & ~CLONE3_FLAGS) || a.exit_signal > NSIG || (!a.stack) != (!a.stack_size))
        return -EINVAL;
    if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
        return -EINVAL;
    if (a.set_tid_size) /* a number of one's own choice takes a right that nobody has */
        return !a.set_tid || a.set_tid_size > MAX_PID_LEVELS ? -EINVAL : -1;
    r = (struct clone_request){.flags = a.flags,
                               .stack = a.stack ? a.stack + a.stack_size : 0,
                               .parent_tid = a.parent_tid,
                               .child_tid = a.child_tid,
                               .tls = a.tls,
                               .pidfd = a.pidfd,
                               .exit_signal = (int)a.exit_signal};
    return do_clone(&r);
}

long sys_set_tid_address(uptr p)
{
    current()->clear_child_tid = p;
    return current()->tid;
}
