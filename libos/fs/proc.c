/* /proc: its root, and how its files find the process they are about.
 *
 * Nothing here keeps a pointer to a process between two calls.  A process is named by
 * number and start time; the accessors below look it up, take what they need under its
 * lock (a reference on mm, files or a path) and let go again.
 */
#include <linux/capability.h>
#include <linux/errno.h>

#include "procfs.h"

struct process *proc_get(const struct pseudo *p)
{
    struct process *proc = process_find(p->pid);

    if (proc && proc->start_ns != p->start) {
        process_put(proc);
        return NULL;
    }
    return proc;
}

struct thread *proc_lock_thread(const struct pseudo *p, struct process **proc)
{
    struct thread *t;

    *proc = proc_get(p);
    if (!*proc)
        return NULL;
    lock(&(*proc)->lock);
    t = p->tid ? thread_find(*proc, p->tid) : (*proc)->leader;
    if (t)
        return t;
    proc_unlock_thread(*proc);
    return NULL;
}

void proc_unlock_thread(struct process *proc)
{
    unlock(&proc->lock);
    process_put(proc);
}

bool proc_alive(const struct pseudo *p)
{
    struct process *proc;
    bool alive;

    if (!p->pid)
        return true;
    proc = proc_get(p);
    if (!proc)
        return false;
    alive = true;
    if (p->tid) {
        lock(&proc->lock);
        /* a zombie is its own only thread */
        alive = thread_find(proc, p->tid) || (!proc->leader && p->tid == p->pid);
        unlock(&proc->lock);
    }
    process_put(proc);
    return alive;
}

/* Takes a counted member of the process under its lock. */
#define TAKE(p, member)                                                                            \
    ({                                                                                             \
        struct process *proc__ = proc_get(p);                                                      \
        __typeof__(proc__->member) v__ = NULL;                                                     \
        if (proc__) {                                                                              \
            lock(&proc__->lock);                                                                   \
            v__ = proc__->zombie ? NULL : proc__->member;                                          \
            if (v__)                                                                               \
                ref_get(&v__->refs);                                                               \
            unlock(&proc__->lock);                                                                 \
            process_put(proc__);                                                                   \
        }                                                                                          \
        v__;                                                                                       \
    })

struct mm *proc_mm(const struct pseudo *p) { return TAKE(p, mm); }

struct files *proc_files(const struct pseudo *p) { return TAKE(p, files); }

/* The thread's; for a process as a whole that of the thread with its number. */
struct fs_ctx *proc_fs(const struct pseudo *p)
{
    struct process *proc = proc_get(p);
    struct fs_ctx *fs = NULL;
    struct thread *t;

    if (!proc)
        return NULL;
    lock(&proc->lock);
    if (!proc->zombie) {
        t = thread_find(proc, p->tid ? p->tid : p->pid);
        fs = t && t->own_fs ? t->own_fs : proc->fs;
    }
    if (fs)
        ref_get(&fs->refs);
    unlock(&proc->lock);
    process_put(proc);
    return fs;
}

long proc_fs_path(const struct pseudo *p, bool root, struct path_s *out)
{
    struct fs_ctx *fs = proc_fs(p);

    if (!fs)
        return -ENOENT;
    lock(&fs->lock);
    *out = root ? fs->root : fs->cwd;
    path_get(out);
    unlock(&fs->lock);
    fs_ctx_put(fs);
    return 0;
}

u32 proc_thread_count(const struct pseudo *p)
{
    struct process *proc = proc_get(p);
    u32 n = proc ? READ_ONCE(proc->nthreads) : 0;

    if (proc)
        process_put(proc);
    return n;
}

void proc_owner(const struct pseudo *p, u32 *uid, u32 *gid)
{
    struct process *proc = proc_get(p);
    struct thread *t;

    if (!proc)
        return;
    lock(&proc->lock);
    t = proc->leader;
    *uid = !proc->dumpable ? 0 : t ? t->cred.euid : proc->last_uid;
    *gid = !proc->dumpable ? 0 : t ? t->cred.egid : proc->last_gid;
    unlock(&proc->lock);
    process_put(proc);
}

long proc_may_access(const struct pseudo *p)
{
    const struct cred *me = &current()->cred, *c;
    struct process *proc;
    struct thread *t;
    bool ok;

    if (p->pid == current()->proc->pid)
        return 0;
    proc = proc_get(p);
    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    t = proc->leader;
    c = t ? &t->cred : NULL;
    ok = !c ? me->fsuid == proc->last_uid
            : proc->dumpable && me->fsuid == c->uid && me->fsuid == c->euid &&
                  me->fsuid == c->suid && me->fsgid == c->gid && me->fsgid == c->egid &&
                  me->fsgid == c->sgid;
    unlock(&proc->lock);
    process_put(proc);
    return ok || capable(CAP_SYS_PTRACE) ? 0 : -EACCES;
}

/* ---- process directories -------------------------------------------------- */

static const struct pseudo_node pid_node = {
    .name = "PID", .mode = S_IFDIR | 0555, .child = proc_pid_table};
static const struct pseudo_node tid_node = {
    .name = "TID", .mode = S_IFDIR | 0555, .child = proc_tid_table};

struct process *proc_of_inode(const struct inode *i)
{
    const struct pseudo *p = pseudo_of(i);

    return p && p->node == &pid_node ? proc_get(p) : NULL;
}

/* A decimal number without leading zeros, or -1. */
static s32 number_name(const char *name)
{
    const char *end;
    u64 v = parse_u64(name, &end, 10);

    if (end == name || *end || (name[0] == '0' && name[1]) || name[0] == '+' || v > 1 << 30)
        return -1;
    return (s32)v;
}

static long root_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    s32 pid = number_name(name);
    struct process *proc = pid > 0 ? process_find(pid) : NULL;

    (void)dir;
    if (!proc)
        return -ENOENT;
    *out = (struct pseudo){.node = &pid_node, .pid = proc->pid, .start = proc->start_ns};
    process_put(proc);
    return 0;
}

static bool root_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                      struct pseudo *out)
{
    struct process *proc = process_next((s32)*cursor);

    (void)dir;
    if (!proc)
        return false;
    *cursor = (u64)proc->pid;
    snprintf(name, PSEUDO_NAME, "%d", proc->pid);
    *out = (struct pseudo){.node = &pid_node, .pid = proc->pid, .start = proc->start_ns};
    process_put(proc);
    return true;
}

static const struct pseudo_dir root_dir = {root_lookup, root_next};

static long task_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    out->node = &tid_node;
    out->tid = number_name(name);
    (void)dir;
    return out->tid > 0 && proc_alive(out) ? 0 : -ENOENT;
}

static bool task_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                      struct pseudo *out)
{
    struct process *proc = proc_get(dir);
    struct thread *t;
    s32 best = 0;

    if (!proc)
        return false;
    lock(&proc->lock);
    list_for_each(t, &proc->threads, link)
    {
        if (t->tid > (s32)*cursor && (!best || t->tid < best))
            best = t->tid;
    }
    if (!proc->leader && *cursor < (u64)proc->pid)
        best = proc->pid;
    unlock(&proc->lock);
    process_put(proc);
    if (!best)
        return false;
    *cursor = (u64)best;
    out->node = &tid_node;
    out->tid = best;
    snprintf(name, PSEUDO_NAME, "%d", best);
    return true;
}

const struct pseudo_dir proc_task_dir = {task_lookup, task_next};

/* ---- the root --------------------------------------------------------------- */

long proc_link_self(const struct pseudo *p, char *buf, size_t len)
{
    (void)p;
    return snprintf(buf, len, "%d", current()->proc->pid);
}

long proc_link_thread_self(const struct pseudo *p, char *buf, size_t len)
{
    (void)p;
    return snprintf(buf, len, "%d/task/%d", current()->proc->pid, current()->tid);
}

static const struct pseudo_node root_node = {
    .name = "/", .mode = S_IFDIR | 0555, .child = proc_root_table, .dir = &root_dir};

struct super *procfs_new(void) { return pseudo_super("proc", PROC_MAGIC, &root_node); }
