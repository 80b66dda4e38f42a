/* Inside proc/: processes, threads, programs. */
#ifndef LIBOS_PROC_H
#define LIBOS_PROC_H

#include "elf.h"
#include "rewrite.h"
#include "thread.h"

struct path_s;

/* ---- slots and threads (proc/thread.c) ---- */
/* A free slot with an initialised struct thread, or NULL. */
struct thread *thread_alloc(void);
void thread_free(struct thread *t); /* of a thread whose host thread never started */
_Noreturn void exit_to_program(struct thread *t);
void pal_thread_init(struct thread *t);
void thread_first_run(struct thread *t); /* set_child_tid and the like, on the new thread */
/* Sleeps until the child of t's vfork has its own memory or is gone.  proc/clone.c */
void vfork_wait(struct thread *t);
/* What a wait looks for and what it finds.  proc/wait4.c */
struct wait_request {
    int type; /* P_ALL, P_PID, P_PGID */
    s32 id;
    u32 options;
};

struct wait_result {
    s32 pid;
    u32 uid;
    int status;   /* as wait4 gives it */
    bool trapped; /* a tracee's stop */
    u64 utime, stime, max_rss;
};

/* ---- processes (proc/process.c) ---- */
void process_init_first(struct thread *t);
/* A child of the current process with its own copies or shares by CLONE_* flags. */
struct process *process_new(u64 clone_flags);                           /* NULL: no memory */
void process_set_args(struct process *p, const char *text, size_t len); /* NUL-separated copy */
void process_add_thread(struct process *p, struct thread *t);
/* Into the table and the children of the caller, or (sibling) of the caller's parent. */
void process_link(struct process *p, bool sibling);
void process_release(struct process *p); /* zombie collected */

/* Ends every other thread of the process and waits until they are gone (exec). */
long kill_other_threads(void);

/* ---- programs (proc/exec.c, proc/stack.c, proc/elf_load.c) ---- */
_Noreturn void exec_fail_first(int err, const char *what);
_Noreturn void start_fail(int err, const char *what, const char *name); /* 125 */
void exec_first(struct boot_info *b);

struct exec_args { /* strings of argv and envp, copied out of the old program */
    char *data;    /* argc strings, then envc strings, each NUL-terminated */
    size_t len, cap;
    u32 argc, envc;
};

struct loaded {                     /* what the loader found out, for the auxiliary vector */
    uptr entry;                     /* where to start: interpreter's or program's */
    uptr program_entry, phdr, base; /* base: of the interpreter, 0 if none */
    u32 phnum;
    uptr brk;
    bool exec_stack;
};
struct file;
struct mm;
/* Opens a program for execution, with the checks of execve: a file or ERR_PTR. */
struct file *exec_open(const char *path);
/* Maps program and interpreter (or NULL) into mm (empty). */
long elf_load(struct mm *mm, struct file *f, const struct elf_header *h, struct file *interp,
              const struct elf_header *interp_header, struct loaded *out);
/* Builds the initial stack; stack pointer in *sp. */
long stack_build(struct mm *mm, const struct exec_args *a, const struct loaded *l, const char *exe,
                 uptr *sp);

/* ---- programs that come from outside (proc/jobs.c) ---- */
void jobs_mail(u64 which);                    /* bits of boot_info.job_mail */
void jobs_end(struct process *p, int status); /* p, which has no parent, has ended */
void jobs_forget(void);                       /* after a resume: who ordered them is gone */

/* ---- futexes (proc/futex.c) ---- */
void futex_wake_addr(uptr addr, int n);
/* The call that a save interrupted is not executed again, or anew.  True: it had been woken. */
bool futex_forget(struct thread *t);
void robust_list_exit(struct thread *t);

void kthreads_start_waiting(void); /* proc/thread.c */

const char *system_hostname(void);
/* A resume gives another one. */
void system_rename(const char *name);
/* Limits of processes follow those that a resume was given anew. */
void limits_resume(void);
long system_set_hostname(const char *name, size_t len);
long system_set_domainname(const char *name, size_t len);
const char *system_domainname(void);
/* Vector and FPU state as a new program finds it. */
void arch_reset_fpu(void);

/* May this thread have that I/O priority (IOPRIO_PRIO_VALUE)?  0 or -errno.  proc/priority.c */
long ioprio_check(int prio);

#endif
