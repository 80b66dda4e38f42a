/* Shared by the files of proc/ only. */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include <linux/sched.h>

#include "proc.h"

#define PID_MAX 32768

void thread_table_set(s32 tid, struct thread *t);
void thread_take_number(struct thread *t, s32 pid);
/* Around the moment a process comes into being: table.c. */
void fork_begin(void);
void fork_end(void);
void process_table_set(s32 pid, struct process *p);
u32 thread_count(void);
u32 thread_count_of(u32 uid); /* of that real user: walks the table */
/* A process of its own, child of nobody, leader of a session, to be run by t. */
struct process *process_new_alone(struct thread *t);
void process_discard(struct process *p); /* one that nobody has seen */
void first_cred(struct cred *c, u32 uid, u32 gid);
void process_drop_shares(struct process *p);
extern struct lock family_lock;
/* p becomes a child of parent: under family_lock and parent->lock. */
void process_adopt(struct process *parent, struct process *p);
void process_unlink(struct process *p); /* a child that never ran */
/* Its end, to the parent: p may be gone after it. */
void process_tell_end(struct process *p);
/* Starts t's host thread, in this address space or in a copy of it (new_space). */
long thread_start_host(struct thread *t, bool new_space);
/* Wakes the parent of a vfork: the child has its own memory now, or is gone. */
void vfork_done(struct thread *t);

/* ---- descriptors of processes: pidfd.c ---- */
/* A descriptor of p (close-on-exec), or -errno. */
long pidfd_install(struct process *p, u32 flags);
/* The process behind a descriptor, with a reference; NULL if it is none. */
struct process *pidfd_process(int fd);
bool pidfd_nonblocking(int fd);

/* ---- calls about another thread: system.c, sched.c, priority.c ---- */
/* The thread of that number (0: the caller's); *owner is its process, referenced, or NULL. */
struct thread *find_thread(int pid, struct process **owner);
void put_owner(struct process *p);
bool may_schedule(const struct thread *t); /* the caller changes its policy, CPUs, nice value */
bool may_nice(const struct thread *t, s32 nice);
void thread_fork_policy(struct thread *t, const struct thread *parent); /* nice value too */

/* ---- exec ---- */
long args_add(struct exec_args *a, const char *s);
/* Copies both vectors; an empty argv becomes one empty string. */
long args_from_user(struct exec_args *a, uptr argv, uptr envp);
/* Replaces argv[0] of a script's call by: interpreter [argument] script. */
long args_for_script(struct exec_args *a, const char *interp, const char *arg, const char *script);
/* A program to be run: `name` as a shell finds it in `path`, with arguments that it takes
 * over.  NULL and *rc: there is none such.  Whose eyes look for it: current(). */
/* A new thread of the process: with the places of the one that makes it, or a copy of them.
 * unshare.c */
long fs_for_thread(struct thread *t, bool share);
void fs_leave(struct thread *t);          /* its own places, if it has any, go */
void fs_become_process(struct thread *t); /* the only thread's are the process's from now on */
/* It became a user that has more threads than it may have; so it may not run a program.  ids.c */
bool user_exceeded(struct thread *t);
struct exec_job *exec_job_new(const char *name, const char *path, struct exec_args *args, long *rc);
void exec_job_free(struct exec_job *job);
/* The heir of a vfork child's exec, on its first run. */
void exec_resume(struct thread *t);
/* heir takes t's place in its process and the thread table. */
void thread_inherit(struct thread *heir, struct thread *t);
/* The calling thread, whose place another has taken, leaves the host. */
_Noreturn void thread_abandon(struct thread *t, struct mm *mm);

/* ---- empty address spaces: space.c ---- */
long space_prepare(void);           /* 0 or -errno: one can be had */
struct thread *space_take(void);    /* NULL, or a new thread that waits in one already */
long space_start(struct thread *t); /* starts t in one */

#endif
