/* Shared by the files of signal/.
 *
 * All pending sets of a process and its threads are under sighand->lock.  Operations
 * that look at more than one thread hold process->lock around it.  Kicks reach the
 * host, so they are made after sighand->lock is given up.
 */
#ifndef LIBOS_SIGNAL_INTERNAL_H
#define LIBOS_SIGNAL_INTERNAL_H

#include "signal.h"
#include "thread.h"

#define UNMASKABLE         (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define STOP_SIGNALS       (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define IGNORED_BY_DEFAULT (SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))
#define SYNCHRONOUS                                                                                \
    (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) |        \
     SIGBIT(SIGSYS))
#define FIRST_REALTIME 32

#define SI_USER_       0
#define SI_KERNEL_     0x80
#define SI_QUEUE_      (-1)
#define SI_TKILL_      (-6)

#define CLD_STOPPED_   5
#define CLD_CONTINUED_ 6

#define SS_ONSTACK_    1u
#define SS_DISABLE_    2u
#define SS_AUTODISARM_ (1u << 31)

static inline bool signal_valid(int sig) { return sig >= 1 && sig <= NSIG; }

/* queue.c, under sighand->lock */
long pending_add(struct pending *p, struct process *owner, int sig, const struct siginfo_k *info);
/* Takes the next signal in `wanted` off; 0 if none. */
int pending_take(struct pending *p, sigset_k wanted, struct siginfo_k *info);
void pending_discard(struct pending *p, sigset_k which);
sigset_k pending_of(const struct thread *t); /* thread and process together */

/* send.c */
bool signal_ignored(struct sighand *sh, const struct thread *t, int sig);
/* p->lock held; t NULL: to the process. */
long send_locked(struct process *p, struct thread *t, int sig, const struct siginfo_k *info);
/* What send_locked leaves to be done without p->lock. */
void send_done(struct process *p, int sig);
void signal_kick_all(struct process *p); /* p->lock held */

/* stop.c */
void process_stop(struct process *p, int sig);
void stop_wait(void);                     /* sleeps while the process is stopped */
bool process_continue(struct process *p); /* p->lock held; true if the parent must hear */
void tell_parent(struct process *p, int code, int status);

/* frame.c */
long frame_push(struct regs *regs, int sig, const struct siginfo_k *info,
                const struct ksigaction *a, sigset_k mask);

/* trace.c: a line of --trace for a signal about to be acted on. */
void signal_trace(int sig, const struct siginfo_k *info, const char *what);

/* xstate.c: the vector registers, live in the CPU, to and from program memory. */
size_t xstate_frame_size(void); /* with the trailing magic */
long xstate_save(uptr at);
long xstate_restore(uptr at); /* 0: initial state */

/* altstack.c */
bool on_altstack(const struct thread *t, uptr sp);
u32 altstack_flags(const struct thread *t, uptr sp);
void altstack_reset(struct thread *t);
struct altstack { /* = stack_t */
    u64 sp;
    u32 flags, pad;
    u64 size;
};
long altstack_set(struct thread *t, const struct altstack *new, uptr sp, size_t min_size);

#endif
