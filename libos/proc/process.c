/* Making and unmaking processes. */
#include "ktime.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "proc_internal.h"
#include "vfs.h"

#define RLIM_INFINITY (~0ULL)
#define CAP_ALL       ((1ULL << 41) - 1)
/* What podman gives root in a container: no raw devices, no modules, no host clocks. */
#define CAP_DEFAULT 0x00000000a80425fbULL

static void init_fields(struct process *p)
{
    p->refs = 1;
    lock_init(&p->lock);
    list_init(&p->children);
    list_init(&p->sibling);
    list_init(&p->all);
    list_init(&p->threads);
    waitq_init(&p->child_wait);
    waitq_init(&p->pidfd_wait);
    signal_process_init(p);
    trace_init(p);
    p->start_ns = now_boot();
    p->dumpable = true;
    p->exit_signal = 17; /* SIGCHLD */
}

void process_add_thread(struct process *p, struct thread *t)
{
    lock(&p->lock);
    t->proc = p;
    list_add_tail(&p->threads, &t->link);
    p->nthreads++;
    unlock(&p->lock);
}

void first_cred(struct cred *c, u32 uid, u32 gid)
{
    memset(c, 0, sizeof(*c));
    c->uid = c->euid = c->suid = c->fsuid = uid;
    c->gid = c->egid = c->sgid = c->fsgid = gid;
    c->cap_bset = CAP_DEFAULT;
    if (uid == 0)
        c->cap_effective = c->cap_permitted = CAP_DEFAULT;
}

/* Number, session and limits of a process that inherits from nobody. */
static void init_alone(struct process *p, struct thread *t)
{
    init_fields(p);
    p->pid = p->pgid = p->sid = t->tid;
    pid_hold(p->pgid);
    pid_hold(p->sid);
    p->leader = t;
    t->start_ns = p->start_ns;
    t->dumpable = 1;
    for (int i = 0; i < 16; i++) {
        p->rlimits[i][0] = boot()->rlimits[i][0];
        p->rlimits[i][1] = boot()->rlimits[i][1];
    }
}

struct process *process_new_alone(struct thread *t)
{
    struct process *p = kzalloc(sizeof(*p));

    if (!p)
        return NULL;
    init_alone(p, t);
    p->files = files_new();
    p->sighand = sighand_new();
    p->fs = fs_ctx_new();
    if (!p->files || !p->sighand || !p->fs) {
        process_discard(p);
        return NULL;
    }
    p->fs->umask = boot()->umask & 0777;
    process_add_thread(p, t);
    return p;
}

void process_discard(struct process *p)
{
    process_drop_shares(p);
    pid_drop(p->pgid);
    pid_drop(p->sid);
    process_put(p);
}

/* Program 1: runs on slot 0, whose host thread is the one we are on. */
void process_init_first(struct thread *t)
{
    struct process *p = kzalloc(sizeof(*p));

    if (!p)
        panic("no memory for the first process");
    list_init(&t->link);
    waitq_init(&t->exit_wait);
    signal_thread_init(t);
    t->host_pid = p->host_pid = boot()->host_pid;
    t->host_tid = (u32)boot()->host_pid;
    t->tid = pid_alloc(t);
    init_alone(p, t);
    process_add_thread(p, t);
    p->mm = mm_new(); /* the layout depends on RLIMIT_STACK of the thread's process */
    p->files = files_new();
    p->sighand = sighand_new();
    if (!p->mm || !p->files || !p->sighand)
        panic("no memory for the first process");
    p->mm->host_threads = 1;
    first_cred(&t->cred, boot()->uid, boot()->gid);
    init_process = p;
    process_table_set(p->pid, p);
}

/* Without memory /proc/PID/cmdline is empty for others. */
void process_set_args(struct process *p, const char *text, size_t len)
{
    char *copy = len ? kmalloc(len) : NULL, *old;

    if (copy)
        memcpy(copy, text, len);
    lock(&p->lock);
    old = p->args;
    p->args = copy;
    p->args_len = copy ? len : 0;
    unlock(&p->lock);
    kfree(old);
}

/* Shares or copies, as the flags say.  Nothing is visible to others before
 * process_link. */
struct process *process_new(u64 flags)
{
    struct process *old = current()->proc, *p = kzalloc(sizeof(*p));

    if (!p)
        return NULL;
    init_fields(p);
    p->pgid = old->pgid;
    p->sid = old->sid;
    p->tty_dropped = old->tty_dropped;
    p->dumpable = old->dumpable;
    p->thp_disable = old->thp_disable;
    p->mce_kill = old->mce_kill;
    p->auxc = old->auxc;
    memcpy(p->auxv, old->auxv, sizeof(p->auxv));
    memcpy(p->rlimits, old->rlimits, sizeof(p->rlimits));
    p->arg_start = old->arg_start;
    p->arg_end = old->arg_end;
    p->env_start = old->env_start;
    p->env_end = old->env_end;
    p->exe_file = old->exe_file ? file_get(old->exe_file) : NULL;
    process_set_args(p, old->args, old->args_len);
    p->oom_score_adj = old->oom_score_adj;
    if (flags & CLONE_FILES) {
        p->files = old->files;
        ref_get(&p->files->refs);
    } else {
        p->files = files_copy(old->files);
    }
    if (flags & CLONE_FS) {
        p->fs = current_fs();
        ref_get(&p->fs->refs);
    } else {
        p->fs = fs_ctx_copy(current_fs());
    }
    if (flags & CLONE_SIGHAND) {
        p->sighand = old->sighand;
        ref_get(&p->sighand->refs);
    } else {
        p->sighand = sighand_copy(old->sighand);
        if (p->sighand && (flags & CLONE_CLEAR_SIGHAND))
            sighand_exec(p->sighand);
    }
    if (!p->files || !p->fs || !p->sighand) {
        process_drop_shares(p);
        kfree(p->args);
        kfree(p);
        return NULL;
    }
    return p;
}

/* Everything but the entry in the table; the mm goes last, with the host thread. */
void process_drop_shares(struct process *p)
{
    struct sighand *sighand;
    struct files *files;
    struct fs_ctx *fs;
    struct file *exe;

    lock(&p->lock); /* senders of signals and /proc look at them under this lock */
    sighand = p->sighand;
    files = p->files;
    fs = p->fs;
    exe = p->exe_file;
    p->exe_file = NULL;
    p->sighand = NULL;
    p->files = NULL;
    p->fs = NULL;
    unlock(&p->lock);
    if (exe)
        file_put(exe);
    if (files)
        files_put(files);
    if (fs)
        fs_ctx_put(fs);
    if (sighand)
        sighand_put(sighand);
}

/* family_lock: who is whose child.  It keeps p->parent from going while p, not yet
 * collected, hangs on it; the lists are under the parent's lock too. */
struct lock family_lock;

struct process *process_parent(struct process *p)
{
    struct process *parent;

    lock(&family_lock);
    parent = p->parent;
    if (parent)
        ref_get(&parent->refs);
    unlock(&family_lock);
    return parent;
}

void process_adopt(struct process *parent, struct process *p)
{
    p->parent = parent;
    WRITE_ONCE(p->ppid, parent->pid);
    list_add_tail(&parent->children, &p->sibling);
}

void process_link(struct process *p, bool sibling)
{
    struct process *parent = current()->proc;

    pid_hold(p->pgid);
    pid_hold(p->sid);
    lock(&family_lock);
    if (sibling && parent->parent)
        parent = parent->parent;
    else
        p->forker = current()->tid;
    lock(&parent->lock);
    process_adopt(parent, p);
    unlock(&parent->lock);
    unlock(&family_lock);
    process_table_set(p->pid, p);
}

void process_unlink(struct process *p)
{
    lock(&family_lock);
    lock(&p->parent->lock);
    list_del(&p->sibling);
    unlock(&p->parent->lock);
    unlock(&family_lock);
}

void process_put(struct process *p)
{
    if (!ref_put(&p->refs))
        return;
    kfree(p->args);
    kfree(p);
}

/* A collected zombie: its number becomes free. */
void process_release(struct process *p)
{
    process_table_set(p->pid, NULL);
    pid_drop(p->pgid);
    pid_drop(p->sid);
    signal_flush(&p->shared.pending);
    process_put(p);
}
