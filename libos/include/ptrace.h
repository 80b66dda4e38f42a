/* Tracing of threads: ptrace(2).  ptrace/
 *
 * A tracer is a thread; its tracees hang on its process, whose threads may all wait for
 * them.  A tracee that stops publishes what for, keeps its vector registers in pages of the
 * segment and sleeps; its other registers lie in t->regs, where the tracer reads and changes
 * them.  All of it is under trace_lock, and nothing of it is in the host: a stopped tracee
 * can be saved, and goes on being stopped where it is resumed.
 */
#ifndef LIBOS_PTRACE_H
#define LIBOS_PTRACE_H

#include "list.h"
#include "lock.h"
#include "signal.h"

struct thread;
struct process;
struct wait_request;
struct wait_result;

enum trace_mode { TRACE_CONT, TRACE_CALLS, TRACE_STEP };

enum trace_stop { /* what a stop is, and so what comes after it */
                  TRACE_AT_SIGNAL,
                  TRACE_AT_GROUP_STOP,
                  TRACE_AT_ENTRY,
                  TRACE_AT_RETURN,
                  TRACE_AT_EVENT,
                  TRACE_AT_EXIT,
};

struct tracee {            /* part of struct thread */
    struct thread *tracer; /* NULL: nobody */
    struct process *tracer_proc;
    struct list link; /* tracer_proc->tracees */
    u32 options;      /* PTRACE_O_* */
    u8 mode;          /* how it was let go */
    u8 kind;          /* of the stop */
    bool calls;       /* system calls are looked at: stops or steps */
    bool seized;
    bool stopped, untold, listening;
    bool in_stop;    /* set and cleared by the tracee: what follows the stop is still to be done */
    bool interrupt;  /* PTRACE_INTERRUPT, or a new child: to stop without a signal */
    bool runs_on;    /* let go from a stop of its process, which still lasts */
    bool return_due; /* a stop at the return of a call */
    bool exec_due;   /* an event of exec to tell */
    bool exit_told;
    bool stepping;    /* the trap flag is ours */
    bool has_info;    /* GETSIGINFO has something to say */
    s32 exec_from;    /* number of the thread that called exec */
    int code;         /* status of the stop, without its lowest byte */
    u64 message;      /* GETEVENTMSG */
    int inject;       /* signal the tracer let it go with */
    int resumed_with; /* the same, after a resume: to be acted on */
    struct siginfo_k info, resumed_info;
    u64 fs_base;  /* while stopped */
    void *xstate; /* vector registers while stopped */
};

extern struct lock trace_lock;

/* 0 or -EPERM: may the caller look into p, whose thread t is?  p->lock held. */
long trace_access(const struct process *p, const struct thread *t);

static inline bool traced_by(const struct tracee *k, const struct process *p)
{
    return k->tracer && k->tracer_proc == p;
}

/* ---- what the tracee does (ptrace/stop.c, ptrace/events.c) ---- */
/* A signal about to be acted on: the one to act on instead, 0: none. */
int trace_signal(int sig, struct siginfo_k *info);
/* A stop of the process, as the tracer sees it. */
void trace_group_stop(void);
/* On the way back to the program, before its signals: what there is to tell. */
void trace_return(void);
/* After them: the trap flag, if the tracer wants a step. */
void trace_set_step(struct regs *regs);
/* A handler is about to run. */
void trace_handler(void);
/* The call in regs of a thread that is traced by calls. */
void trace_call(struct regs *regs);
/* A new thread or process t, not started yet: traced as well? */
void trace_child(struct thread *t, u64 clone_flags, int exit_signal);
/* It runs, as number `tid`. */
void trace_cloned(u64 clone_flags, int exit_signal, s32 tid);
void trace_vfork_done(s32 tid);
/* The call that a save found at work, and that is not made again, is over. */
void trace_call_over(struct thread *t);
void trace_exec(struct thread *t, s32 from);
void trace_exit(int status);
/* A thread that a save found stopped: sleeps on, then does what comes next. */
void trace_resumed(struct thread *t);
/* exec moves a thread to another slot. */
void trace_move(struct thread *heir, struct thread *t);

/* ---- who traces whom (ptrace/attach.c) ---- */
void trace_init(struct process *p);
/* The number of t's tracer, 0: none. */
s32 trace_tracer(const struct thread *t);
/* t, new, never came to run. */
void trace_forget(struct thread *t);
/* t has left its process: its tracees go free, its tracer hears. */
void trace_thread_gone(struct thread *t, struct process *p, int status);
/* The last of p is gone: true if a tracer hears of it before its parent does. */
bool trace_holds_back(struct process *p);
/* 1: a tracee of p has something to tell; 0: none yet; -ECHILD: p has no such tracees. */
long trace_collect(struct process *p, const struct wait_request *r, struct wait_result *out);

#endif
