/* Program signals.  signal/
 *
 * Signals are library-OS objects.  They are looked at when a thread is about to return
 * to program code with ATTN_SIGNAL set, or ends a sleep with -EINTR.
 */
#ifndef LIBOS_SIGNAL_H
#define LIBOS_SIGNAL_H

#include <asm/signal.h> /* numbers and flags; its NSIG is libc's */
#undef NSIG

#include "list.h"
#include "lock.h"
#include "wait.h"

#define NSIG 64
typedef u64 sigset_k; /* bit n-1: signal n */
#define SIGBIT(n) (1ULL << ((n)-1))

struct thread;
struct process;
struct regs;

struct siginfo_k { /* = siginfo_t, 128 bytes */
    s32 signo, errno_, code, pad;
    union {
        s32 words[28];
        struct {
            s32 pid;
            u32 uid;
            u64 value;
        } rt; /* kill, sigqueue */
        struct {
            s32 tid;
            s32 overrun;
            u64 value;
        } timer;
        struct {
            s32 pid;
            u32 uid;
            s32 status;
            s32 pad;
            u64 utime, stime;
        } chld;
        struct {
            u64 addr;
            u16 addr_lsb;
        } fault;
        struct {
            s64 band;
            s32 fd;
        } poll;
        struct {
            u64 call_addr;
            s32 syscall;
            u32 arch;
        } sys;
    };
};

struct sigqueue {
    struct list link;
    struct siginfo_k info;
    void *timer;  /* POSIX timer this belongs to, not freed on delivery; or NULL */
    u32 *charged; /* the process's signal_shared.queued, or NULL */
};

struct pending {
    sigset_k set;
    struct list queue; /* struct sigqueue, oldest first */
};

struct ksigaction { /* = the kernel's struct sigaction */
    u64 handler;
    u64 flags;
    u64 restorer;
    sigset_k mask;
};

/* Handlers, shared by CLONE_SIGHAND. */
struct sighand {
    u32 refs;
    struct lock lock; /* also protects pending sets of all threads and processes using it */
    struct ksigaction action[NSIG];
};

struct signal_state { /* per thread */
    sigset_k blocked;
    sigset_k saved_mask; /* to restore after sigsuspend, ppoll ...: if restore_mask */
    bool restore_mask;
    struct pending pending;
    uptr alt_sp;
    size_t alt_size;
    u32 alt_flags;
    sigset_k waiting; /* set sigtimedwait looks for */
};

struct signal_shared { /* per process */
    struct pending pending;
    u32 queued;                 /* sigqueues charged to RLIMIT_SIGPENDING */
    struct waitq signalfd_wait; /* signalfds of the process's readers */
};

#define SIG_DFL_ 0UL
#define SIG_IGN_ 1UL

/* Sends to one thread / to a process (any thread that doesn't block it is kicked).
 * info NULL: as kernel-generated (SI_KERNEL).  0, or -EAGAIN when the queue is full. */
long signal_thread(struct thread *t, int sig, const struct siginfo_k *info);
long signal_process(struct process *p, int sig, const struct siginfo_k *info);
/* To p's thread of that number; -ESRCH if there is none. */
long signal_process_thread(struct process *p, s32 tid, int sig, const struct siginfo_k *info);
/* As signal_process, if the caller may signal p: else -EPERM.  sig 0 only asks; info NULL:
 * as from kill(2). */
long signal_process_checked(struct process *p, int sig, const struct siginfo_k *info);
/* A synchronous signal (fault): cannot be blocked or ignored; kills if it is. */
void signal_force(int sig, const struct siginfo_k *info);

/* True if the current thread has a signal to act on now. */
bool signal_pending(void);
/* True if one of them ends the process, handled by nobody. */
bool signal_fatal_pending(void);
/* Before return to program code: handles restart codes in regs->rax and delivers
 * signals (may end the process).  The only place where restart is decided. */
void signal_deliver(struct regs *regs);

/* Sets current's mask; wakes what became deliverable. */
void signal_set_mask(sigset_k mask);

/* No member of the group has a parent in the session but outside the group. */
bool pgrp_orphaned(s32 pgid);

struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct sighand *old);
void sighand_put(struct sighand *sh);
void sighand_exec(struct sighand *sh); /* handlers -> default, ignored stay */
void signal_thread_init(struct thread *t);
void signal_process_init(struct process *p);
void signal_flush(struct pending *p);
/* Finds a pending, wanted signal of the current thread or process and takes it off;
 * 0 if none.  Used by sigtimedwait and signalfd. */
int signal_take(sigset_k wanted, struct siginfo_k *info);

#endif
