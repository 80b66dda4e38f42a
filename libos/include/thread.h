/* Threads and processes.  proc/
 *
 * A thread lives in its slot (abi/layout.h); a process and what its threads share live
 * in the segment's heap.  Pointers are valid in every host process of the sandbox.
 */
#ifndef LIBOS_THREAD_H
#define LIBOS_THREAD_H

#include "../../abi/boot.h"
#include "../../abi/host_abi.h"
#include "list.h"
#include "lock.h"
#include "ptrace.h"
#include "signal.h"
#include "wait.h"

struct mm;
struct files;
struct fs_ctx;
struct sighand;

/* Registers of the program, complete.  Order known to pal/entry.S. */
struct regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    u64 rax, rcx, rdx, rsi, rdi;
    u64 orig_rax; /* system call number, or ~0 when not in a system call */
    u64 rip, cs, eflags, rsp, ss;
};
#define NOT_A_SYSCALL (~0ULL)

enum thread_state {
    THREAD_PROGRAM = 0, /* in program code (or on the way in or out: a hint, see kick) */
    THREAD_INSIDE,
    THREAD_BLOCKED, /* asleep on wake_seq */
    THREAD_PARKED,  /* at the system-call boundary for a rendezvous */
    THREAD_DEAD,
};

/* t->attention: work to do before returning to program code. */
#define ATTN_SIGNAL     1u  /* look for deliverable signals */
#define ATTN_FULL_EXIT  2u  /* registers other than the system-call ones changed */
#define ATTN_RENDEZVOUS 4u  /* fork, exec, freeze or text change wants us parked */
#define ATTN_EXIT       8u  /* the thread must end (exit_group, exec by another thread) */
#define ATTN_GS         16u /* program owns gs: restore it on exit */
#define ATTN_TRACE      32u
#define ATTN_MAILBOX    64u   /* monitor left something in boot_info */
#define ATTN_TEXT       8192u /* program text may be changing: rewrite_settled() */
#define ATTN_WORK       4096u /* something to do for others: thread_work() */

struct fault {
    u64 addr, error, trapno; /* cr2, hardware error code, vector */
    s32 code;                /* si_code */
};

/* The remaining time of an interrupted call, for ERESTART_RESTARTBLOCK. */
struct restart {
    bool valid; /* the next execution of call `nr` takes its deadline from here */
    u32 nr;
    u64 calls;    /* t->syscalls then: the next execution is the next call */
    u64 deadline; /* absolute monotonic ns */
    uptr rem;     /* nanosleep's remainder argument */
};

struct cred {
    u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
    u64 cap_effective, cap_permitted, cap_inheritable, cap_bset, cap_ambient;
    u32 ngroups;
    u32 groups[64];
};

struct thread {
    /* -- fixed offsets, known to pal/entry.S (checked there) -- */
    struct thread *self; /* 0x00 */
    u64 user_rsp;        /* 0x08 scratch of the entry */
    u64 stack_top;       /* 0x10 library-OS stack, where regs are pushed */
    u64 entry;           /* 0x18 address trampolines jump to */
    u32 attention;       /* 0x20 ATTN_* */
    u32 state;           /* 0x24 enum thread_state */
    u32 wake_seq;        /* 0x28 the word it sleeps on */
    u32 host_tid;        /* 0x2c 0: no host thread */
    u64 user_gs;         /* 0x30 program's gs base when ATTN_GS */
    struct regs *regs;   /* 0x38 = stack_top - sizeof(struct regs) */
    u64 in_libos;        /* 0x40 set by the entry */
    u64 fixup_depth;     /* 0x48 */
    u64 cpuid_entry;     /* 0x50 address trampolines of CPUID jump to */
    u64 cpuid_back;      /* 0x58 and where it goes on then */
    u32 save;            /* 0x60 SLOT_SAVE_* */
    u32 reserved;
    struct thread *next_free; /* slots that wait for another thread */

    struct process *proc;
    struct list link; /* proc->threads */
    s32 tid;
    s32 host_pid;          /* of the host process it runs in */
    void *exec_job;        /* first run goes on with an exec (proc/exec.c) */
    bool new_space;        /* the PAL's: first thread of a host process */
    bool interruptible;    /* the PAL's: has its signal stack, may be interrupted */
    bool fork_child;       /* first run is in a fresh copy of an address space */
    bool kthread;          /* no program context: poller, timer */
    void (*kfunc)(void *); /* kthread body */
    void *karg;

    struct signal_state sig; /* mask, pending, altstack: signal.h */
    struct fault fault;
    struct restart restart;
    struct cred cred;
    uptr clear_child_tid, set_child_tid, robust_list;
    size_t robust_len;
    u64 fs_base;
    char comm[16];
    u64 start_ns;
    u64 affinity[16]; /* CPU set as the program set it; 0 words: all */
    s32 nice;
    s32 exit_code;
    s32 vfork_done; /* parent of a vfork sleeps until set */
    struct thread *vfork_parent;
    struct waitq exit_wait;
    u32 dumpable, no_new_privs, keep_caps, pdeath_signal, timer_slack;
    struct fs_ctx
        *own_fs;    /* a place of its own, or NULL: the process's; changed under proc->lock */
    u32 over_limit; /* became a user that had too many processes: proc/ids.c */
    int trace_args;
    bool exiting;
    u8 spin_credit; /* how well waiting awake went lately: core/wait.c */
    u8 sleeps;
    bool polling; /* sleeps in the host's epoll, not on its word: ipc/hostlead.c */
    u8 lead_rest; /* so many sleeps more on its word */
    bool parked;  /* by a save: what it needs to go on is in regs, fs_base and xstate */
    bool resumed; /* its host thread is new: goes on from there, until signal_deliver */
    u64 syscalls; /* served so far */
    u64 cpu_start;
    const char *walk_rest; /* what follows the component being looked up: fs/hostfs_ahead.c */
    bool walk_open;        /* and the file at the end is going to be read */
    void *trace;           /* --trace: the line being built */
    const char *trace_rest;

    /* A save (core/freeze.c). */
    void *xstate;               /* parked: vector registers, pages of the segment */
    struct thread *vfork_child; /* sleeps until this one has memory of its own */
    u64 deadline;               /* the last deadline_in, and in which call (t->syscalls) that was */
    u64 deadline_call;
    u64 cpu_before[2], cpu_total[2]; /* user and system ns: on hosts before, and at the save */
    size_t kept_moved;               /* bytes that the call has moved which is executed again, */
    u64 kept_moved_call;             /* and which that is */
    u32 personality;     /* as the program set it; what of it acts: personality(2) in the table */
    u32 ioprio;          /* class and level: remembered, not enforced */
    u32 policy;          /* SCHED_*, with SCHED_RESET_ON_FORK: remembered, not enforced */
    struct thread *copy; /* parked: it is to put this one into a copy of its address space */
    u64 kept_call;       /* the call that goes on with `deadline`: interrupted by a save */
    u64 again_call;      /* the call that was interrupted, and is executed again unnoticed */

    struct futex_waiter *kept_futex; /* queued still, for the call that is executed again */

    struct tracee tracee;

    u64 late_addr, late_ip; /* the PAL's: what touched a page of a snapshot again, once */
};

struct process {
    u32 refs;
    s32 pid, pgid, sid;
    struct lock lock;       /* threads, children, state */
    struct process *parent; /* under family_lock (proc/process.c), as the lists of children */
    struct list children, sibling, all; /* all: process table */
    struct list threads;
    u32 nthreads;
    struct thread *leader;
    struct mm *mm;
    struct files *files;
    struct fs_ctx *fs;
    struct sighand *sighand;
    struct signal_shared shared; /* process-wide pending, signal.h */
    s32 host_pid;
    s32 exit_status; /* wait status once zombie */
    bool group_exit, zombie, execing, stopped, continued, subreaper, dumpable;
    bool thp_disable; /* prctl: remembered */
    u8 mce_kill;
    bool forknoexec; /* forked and has not called exec: may be put into a group */
    u8 exit_signal, stop_signal;
    bool stop_report;        /* a stop not yet told to the parent */
    struct waitq child_wait; /* woken when a child changes state */
    struct waitq pidfd_wait; /* woken when it becomes a zombie */
    u64 rlimits[16][2];
    struct file *exe_file;                       /* the program: nobody may write to it meanwhile */
    uptr arg_start, arg_end, env_start, env_end; /* in program memory */
    uptr auxv[48];
    u32 auxc;
    u64 start_ns;  /* CLOCK_BOOTTIME */
    void *itimers; /* time/ */
    void *posix_timers;
    u64 child_utime, child_stime, utime, stime; /* ns */
    u64 max_rss, child_max_rss;                 /* bytes, as far as anybody asked */
    bool tty_dropped;                           /* gave up its session's terminal: TIOCNOTTY */
    s32 tty_old_group;               /* leader: foreground group of a terminal that hung up */
    char *args;                      /* what exec was given, NUL-separated: for readers of */
    size_t args_len;                 /* /proc/PID/cmdline in other address spaces */
    struct list tracees, deaths;     /* whom its threads trace: ptrace/ */
    struct trace_death *death;       /* of its first thread, which its tracer is to collect */
    bool held_back;                  /* a zombie of which its parent isn't to know yet */
    s32 forker;                      /* the parent's thread that made it */
    s32 oom_score_adj;               /* kept and inherited; nothing is killed by it */
    char last_comm[16];              /* of a zombie, whose leader is NULL: as its last thread */
    u32 last_uid, last_gid;          /* had them */
    u32 job;                         /* number of the job it was started for; 0: none */
    void *sem_undo;                  /* what exit takes back: sysv/sem_undo.c */
    u64 cpu_before[2], cpu_total[2]; /* as those of a thread */
    s32 ppid;                        /* the parent's number, readable without a lock; 0: none */
};

#ifdef BAILEY_HOSTED
extern __thread struct thread *hosted_current;
static inline struct thread *current(void) { return hosted_current; }
#else
static inline struct thread *current(void)
{
    struct thread *t;
    __asm__("mov %%gs:0, %0" : "=r"(t));
    return t;
}
#endif

/* Where the calls of this thread are: nearly always where the process is. */
static inline struct fs_ctx *current_fs(void)
{
    struct thread *t = current();

    return unlikely(t->own_fs != NULL) ? t->own_fs : t->proc->fs;
}

static inline struct boot_info *boot(void) { return (struct boot_info *)(SEG_BASE + SEG_BOOT); }

/* Has the call that is being served slept before?  What went meanwhile was there at its start. */
static inline bool call_again(const struct thread *t) { return t->again_call == t->syscalls; }

/* Slots that ever were in use, and one of them.  proc/thread.c */
u32 thread_slots(void);
/* Everything rests: notes how many slots are to be saved. */
void thread_slots_save(void);
/* Alone, before anybody looks at a slot: those that were not saved are free. */
void thread_slots_resume(void);
struct thread *thread_slot(u32 n);

/* Process table.  proc/table.c.  A reference is taken by the find functions. */
struct process *process_find(s32 pid);
struct process *process_of_tid(s32 tid);     /* of a living thread */
struct process *process_next(s32 after_pid); /* smallest pid > after_pid, or NULL */
void process_put(struct process *p);
struct process *process_parent(struct process *p);      /* with a reference, or NULL */
struct thread *thread_find(struct process *p, s32 tid); /* under p->lock */
s32 pid_alloc(void *owner);
void pid_free(s32 pid, const void *owner);
void pid_hold(s32 pid); /* as long as it is held, the number means nobody else */
void pid_drop(s32 pid);
bool pid_in_use(s32 pid);
/* Between the two no process comes into being: a signal to many reaches all of them. */
void forks_hold(void);
void forks_release(void);
extern struct process *init_process;

/* Starts a library-OS thread without program context; NULL on ENOMEM. */
struct thread *kthread_start(void (*fn)(void *), void *arg, const char *name);

void set_attention(u32 bits); /* of the current thread */
/* Makes t look at its attention bits: wakes it if asleep, interrupts it in program code. */
void thread_kick(struct thread *t, u32 attn_bits);

/* Ends the calling thread / the whole process with a wait status. */
_Noreturn void thread_exit(int code);
_Noreturn void process_exit(int wait_status);

bool capable(int cap); /* CAP_*, by current()->cred.cap_effective */

#endif
