/* Numbers of processes and threads.
 *
 * A number is in use while a thread, a process, a process group or a session bears it:
 * refs counts them, so no number is reused while anything could still be named by
 * it.  Look-ups take table_lock shared.
 *
 * fork_lock: a process comes into being under it shared, and only if its maker has no
 * signal to see to; who signals many holds it alone.  So a fork is before the signal,
 * and the child gets it too, or after it, and the maker got it. */
#include "lib.h"
#include "proc_internal.h"

static struct rwlock table_lock, fork_lock;
static struct {
    struct process *process;
    struct thread *thread;
    u32 refs;
} numbers[PID_MAX] FIRST_TABLE;
static s32 last_pid, top_pid; /* the last given out, the highest ever */
static u32 threads_used;

struct process *init_process;

s32 pid_alloc(void *owner)
{
    u32 limit = boot()->pids_max ? boot()->pids_max : PID_MAX - 300;
    s32 pid = -11; /* EAGAIN */

    write_lock(&table_lock);
    for (u32 i = 1; threads_used < limit && i < PID_MAX; i++) {
        s32 next = last_pid + (s32)i;
        if (next >= PID_MAX)
            next -= PID_MAX - 300; /* low numbers are not reused, as in Linux */
        if (numbers[next].refs == 0) {
            numbers[next].refs = 1;
            numbers[next].thread = owner;
            threads_used++;
            last_pid = pid = next;
            top_pid = MAX(top_pid, pid);
            break;
        }
    }
    write_unlock(&table_lock);
    return pid;
}

/* The number may have another thread by now: thread_take_number. */
void pid_free(s32 pid, const void *owner)
{
    write_lock(&table_lock);
    if (numbers[pid].thread == owner)
        numbers[pid].thread = NULL;
    numbers[pid].refs--;
    threads_used--;
    write_unlock(&table_lock);
}

void pid_hold(s32 pid)
{
    write_lock(&table_lock);
    numbers[pid].refs++;
    write_unlock(&table_lock);
}

void pid_drop(s32 pid)
{
    write_lock(&table_lock);
    numbers[pid].refs--;
    write_unlock(&table_lock);
}

bool pid_in_use(s32 pid) { return pid > 0 && pid < PID_MAX && numbers[pid].refs > 0; }

/* The one thread that exec leaves is the leader from now on. */
void thread_take_number(struct thread *t, s32 pid)
{
    write_lock(&table_lock);
    numbers[t->tid].thread = NULL;
    numbers[t->tid].refs--;
    numbers[pid].thread = t;
    numbers[pid].refs++;
    t->tid = pid;
    write_unlock(&table_lock);
}

/* exec moves a thread to another slot. */
void thread_table_set(s32 tid, struct thread *t)
{
    write_lock(&table_lock);
    numbers[tid].thread = t;
    write_unlock(&table_lock);
}

void process_table_set(s32 pid, struct process *p)
{
    write_lock(&table_lock);
    numbers[pid].process = p;
    numbers[pid].refs += p ? 1 : -1;
    write_unlock(&table_lock);
}

struct process *process_find(s32 pid)
{
    struct process *p = NULL;

    if (pid <= 0 || pid >= PID_MAX)
        return NULL;
    read_lock(&table_lock);
    p = numbers[pid].process;
    if (p && !ref_get_unless_zero(&p->refs))
        p = NULL;
    read_unlock(&table_lock);
    return p;
}

u32 thread_count_of(u32 uid)
{
    u32 n = 0;

    read_lock(&table_lock);
    for (s32 tid = 1; tid <= top_pid; tid++)
        n += numbers[tid].thread && numbers[tid].thread->cred.uid == uid;
    read_unlock(&table_lock);
    return n;
}

struct process *process_next(s32 after_pid)
{
    struct process *p = NULL;

    read_lock(&table_lock);
    for (s32 pid = after_pid + 1; pid <= top_pid; pid++) {
        if (pid > 0 && numbers[pid].process && ref_get_unless_zero(&numbers[pid].process->refs)) {
            p = numbers[pid].process;
            break;
        }
    }
    read_unlock(&table_lock);
    return p;
}

/* The process a thread number belongs to, with a reference. */
struct process *process_of_tid(s32 tid)
{
    struct process *p = NULL;

    if (tid <= 0 || tid >= PID_MAX)
        return NULL;
    read_lock(&table_lock);
    if (numbers[tid].thread) {
        p = numbers[tid].thread->proc;
        if (p && !ref_get_unless_zero(&p->refs))
            p = NULL;
    }
    read_unlock(&table_lock);
    return p;
}

void forks_hold(void) { write_lock(&fork_lock); }
void forks_release(void) { write_unlock(&fork_lock); }
void fork_begin(void) { read_lock(&fork_lock); }
void fork_end(void) { read_unlock(&fork_lock); }

u32 thread_count(void) { return threads_used; }
s32 last_pid_used(void) { return last_pid; }
