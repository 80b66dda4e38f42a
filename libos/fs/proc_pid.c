/* /proc/PID and /proc/PID/task/TID: their tables, and the files with little to say.
 *
 * A thread's directory has all of a process's but "task"; where Linux shows something
 * different for the two (stat, status, comm), the functions look at p->tid.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sched.h>

#include "procfs.h"
#include "usercopy.h"

/* ---- program memory: cmdline, environ, auxv, mem ------------------------------- */

/* Program memory as text; what can't be read ends it.  0, or why nothing could be. */
static long copy_program(struct process *proc, struct textbuf *b, uptr start, uptr end)
{
    char chunk[1024];
    long n = 0;

    while (start < end) {
        size_t part = MIN(sizeof(chunk), end - start);

        n = mm_remote_copy(proc, start, chunk, part, false);
        if (n > 0)
            text_bytes(b, chunk, (size_t)n);
        if (n < (long)part)
            break;
        start += part;
    }
    return n == -EINTR ? -ERESTARTSYS : MIN(n, 0L);
}

/* Programs overwrite their arguments to change what ps shows, so the memory is the
 * truth; what exec was given is kept for the case that the process can't be asked. */
long proc_show_cmdline(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc = proc_get(p);
    uptr start, end;
    bool zombie;
    long rc = 0;

    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    start = proc->arg_start;
    end = proc->arg_end;
    zombie = proc->zombie;
    unlock(&proc->lock);
    if (!zombie)
        rc = copy_program(proc, b, start, end);
    if (rc == -ETIMEDOUT && !b->len) {
        lock(&proc->lock);
        if (proc->args)
            text_bytes(b, proc->args, proc->args_len);
        unlock(&proc->lock);
    }
    process_put(proc);
    return rc == -ERESTARTSYS ? rc : 0;
}

long proc_show_environ(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    uptr start, end;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    proc = proc_get(p);
    if (!proc)
        return -ESRCH;
    start = proc->env_start;
    end = proc->env_end;
    rc = proc->zombie ? -ESRCH : copy_program(proc, b, start, end);
    process_put(proc);
    return rc == -ETIMEDOUT ? -EIO : rc;
}

long proc_show_auxv(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    proc = proc_get(p);
    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    if (proc->zombie)
        rc = -ESRCH;
    else
        text_bytes(b, proc->auxv, proc->auxc * sizeof(proc->auxv[0]));
    unlock(&proc->lock);
    process_put(proc);
    return rc;
}

/* ---- small files ------------------------------------------------------------------ */

/* The process, referenced and locked, and the thread the file is of; NULL: it has gone. */
static struct process *lock_thread(const struct pseudo *p, struct thread **t)
{
    struct process *proc = proc_get(p);

    if (!proc)
        return NULL;
    lock(&proc->lock);
    *t = p->tid ? thread_find(proc, p->tid) : proc->leader;
    return proc;
}

static void unlock_thread(struct process *proc)
{
    unlock(&proc->lock);
    process_put(proc);
}

static long show_comm(const struct pseudo *p, struct textbuf *b)
{
    struct thread *t;
    struct process *proc = lock_thread(p, &t);

    if (!proc)
        return -ESRCH;
    text_add(b, "%s\n", t ? t->comm : proc->last_comm);
    unlock_thread(proc);
    return 0;
}

static long show_personality(const struct pseudo *p, struct textbuf *b)
{
    struct thread *t;
    struct process *proc = lock_thread(p, &t);

    if (!proc)
        return -ESRCH;
    text_add(b, "%08x\n", t ? t->personality : 0);
    unlock_thread(proc);
    return 0;
}

static long store_comm(const struct pseudo *p, const char *text, size_t n)
{
    struct process *proc;
    struct thread *t;

    if (p->pid != current()->proc->pid)
        return -EINVAL;
    t = proc_lock_thread(p, &proc);
    if (!t)
        return -ESRCH;
    if (n && text[n - 1] == '\n')
        n--;
    n = MIN(n, sizeof(t->comm) - 1);
    memset(t->comm, 0, sizeof(t->comm));
    memcpy(t->comm, text, n);
    proc_unlock_thread(proc);
    return 0;
}

/* oom_adj's scale is -17..15, oom_score_adj's -1000..1000. */
static long show_oom_score_adj(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc = proc_get(p);

    if (!proc)
        return -ESRCH;
    text_add(b, "%d\n", p->node->arg ? proc->oom_score_adj * 17 / 1000 : proc->oom_score_adj);
    process_put(proc);
    return 0;
}

static long store_oom_score_adj(const struct pseudo *p, const char *text, size_t n)
{
    long err;
    s64 v = pseudo_number(text, p->node->arg ? -17 : -1000, p->node->arg ? 15 : 1000, &err);
    struct process *proc;

    (void)n;
    if (err)
        return err;
    if (p->node->arg)
        v = v == 15 ? 1000 : v * 1000 / 17;
    proc = proc_get(p);
    if (!proc)
        return -ESRCH;
    if (v < proc->oom_score_adj && !capable(CAP_SYS_RESOURCE))
        err = -EACCES;
    else
        proc->oom_score_adj = (s32)v;
    process_put(proc);
    return err;
}

static long show_oom_score(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc = proc_get(p);

    if (!proc)
        return -ESRCH;
    text_add(b, "%d\n", 666 + proc->oom_score_adj * 2 / 3);
    process_put(proc);
    return 0;
}

static long show_uid_map(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "%10u %10u %10u\n", 0, 0, ~0u);
    return 0;
}

static long show_timerslack(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    struct thread *t = proc_lock_thread(p, &proc);

    if (!t)
        return -ESRCH;
    text_add(b, "%u\n", t->timer_slack ? t->timer_slack : 50000);
    proc_unlock_thread(proc);
    return 0;
}

static long store_timerslack(const struct pseudo *p, const char *text, size_t n)
{
    struct process *proc;
    struct thread *t;
    long err;
    s64 v = pseudo_number(text, 0, ~0u, &err);

    (void)n;
    if (err)
        return err;
    err = proc_may_access(p);
    if (err)
        return err;
    t = proc_lock_thread(p, &proc);
    if (!t)
        return -ESRCH;
    t->timer_slack = v ? (u32)v : 50000;
    proc_unlock_thread(proc);
    return 0;
}

/* The counters Linux keeps per task; we count calls only. */
static long show_io(const struct pseudo *p, struct textbuf *b)
{
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    text_add(b, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
                "cancelled_write_bytes: 0\n");
    return 0;
}

static long show_syscall(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    struct thread *t;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    t = proc_lock_thread(p, &proc);
    if (!t)
        return -ESRCH;
    if (t->regs && t->regs->orig_rax != NOT_A_SYSCALL &&
        (t->state == THREAD_BLOCKED || t == current())) {
        const struct regs *r = t->regs;

        text_add(b, "%ld 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", (long)r->orig_rax,
                 r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9, r->rsp, r->rip);
    } else {
        text_add(b, "running\n");
    }
    proc_unlock_thread(proc);
    return 0;
}

static long show_schedstat(const struct pseudo *p, struct textbuf *b)
{
    struct cpu_use use;
    long rc = proc_cpu(p, &use);

    if (!rc)
        text_add(b, "%lu 0 %lu\n", use.user + use.system, 1UL);
    return rc;
}

static long show_children(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc = proc_get(p), *child;

    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    if (p->tid == proc->pid)
        list_for_each(child, &proc->children, sibling) text_add(b, "%d ", child->pid);
    unlock(&proc->lock);
    process_put(proc);
    return 0;
}

static long show_no_module(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    (void)b;
    return -EINVAL;
}

/* ---- tables ------------------------------------------------------------------------- */

#define SHOW(n, m, f)                                                                              \
    {                                                                                              \
        .name = n, .mode = S_IFREG | (m), .show = f                                                \
    }
#define TEXT(n, m, t)                                                                              \
    {                                                                                              \
        .name = n, .mode = S_IFREG | (m), .text = t                                                \
    }
#define STORE(n, m, f, s, a)                                                                       \
    {                                                                                              \
        .name = n, .mode = S_IFREG | (m), .show = f, .store = s, .arg = a                          \
    }

static const struct pseudo_node attr_table[] = {
    /* No security module is active: reading says so with EINVAL, as on Linux. */
    SHOW("current", 0666, show_no_module),
    SHOW("exec", 0666, show_no_module),
    SHOW("fscreate", 0666, show_no_module),
    SHOW("keycreate", 0666, show_no_module),
    SHOW("prev", 0444, show_no_module),
    SHOW("sockcreate", 0666, show_no_module),
    PSEUDO_END,
};

#define PID_FILES                                                                                  \
    {.name = "fd", .mode = S_IFDIR | 0500, .dir = &proc_fd_dir},                                   \
        {.name = "fdinfo", .mode = S_IFDIR | 0555, .dir = &proc_fdinfo_dir},                       \
        {.name = "ns", .mode = S_IFDIR | 0511, .child = proc_ns_table},                            \
        {.name = "net", .mode = S_IFDIR | 0555, .child = proc_net_table},                          \
        SHOW("environ", 0400, proc_show_environ), SHOW("auxv", 0400, proc_show_auxv),              \
        SHOW("status", 0444, proc_show_status), SHOW("personality", 0400, show_personality),       \
        SHOW("limits", 0444, proc_show_limits), SHOW("sched", 0644, proc_show_sched),              \
        STORE("comm", 0644, show_comm, store_comm, 0), SHOW("syscall", 0400, show_syscall),        \
        SHOW("cmdline", 0444, proc_show_cmdline), SHOW("stat", 0444, proc_show_stat),              \
        SHOW("statm", 0444, proc_show_statm), SHOW("maps", 0444, proc_show_maps),                  \
        {.name = "mem", .mode = S_IFREG | 0600, .fops = &proc_mem_fops},                           \
        {.name = "cwd", .mode = S_IFLNK | 0777, .link = proc_link_fs, .follow = proc_follow_fs},   \
        {.name = "root",                                                                           \
         .mode = S_IFLNK | 0777,                                                                   \
         .link = proc_link_fs,                                                                     \
         .follow = proc_follow_fs,                                                                 \
         .arg = 1},                                                                                \
        {.name = "exe", .mode = S_IFLNK | 0777, .link = proc_link_exe, .follow = proc_follow_exe}, \
        SHOW("mounts", 0444, proc_show_mounts), SHOW("mountinfo", 0444, proc_show_mountinfo),      \
        SHOW("smaps", 0444, proc_show_smaps), SHOW("smaps_rollup", 0444, proc_show_smaps_rollup),  \
        {.name = "pagemap", .mode = S_IFREG | 0400, .fops = &proc_pagemap_fops},                   \
        {.name = "attr", .mode = S_IFDIR | 0555, .child = attr_table}, TEXT("wchan", 0444, "0"),   \
        SHOW("schedstat", 0444, show_schedstat), TEXT("cpuset", 0444, "/\n"),                      \
        TEXT("cgroup", 0444, "0::/\n"), SHOW("oom_score", 0444, show_oom_score),                   \
        STORE("oom_adj", 0644, show_oom_score_adj, store_oom_score_adj, 1),                        \
        STORE("oom_score_adj", 0644, show_oom_score_adj, store_oom_score_adj, 0),                  \
        TEXT("loginuid", 0644, "4294967295"), TEXT("sessionid", 0444, "4294967295"),               \
        SHOW("io", 0400, show_io), SHOW("uid_map", 0644, show_uid_map),                            \
        SHOW("gid_map", 0644, show_uid_map), SHOW("projid_map", 0644, show_uid_map),               \
        TEXT("setgroups", 0644, "allow\n")

const struct pseudo_node proc_pid_table[] = {
    {.name = "task", .mode = S_IFDIR | 0555, .dir = &proc_task_dir},
    PID_FILES,
    SHOW("mountstats", 0400, proc_show_mountstats),
    TEXT("autogroup", 0644, "/autogroup-1 nice 0\n"),
    TEXT("coredump_filter", 0644, "00000033\n"),
    STORE("timerslack_ns", 0666, show_timerslack, store_timerslack, 0),
    PSEUDO_END,
};

const struct pseudo_node proc_tid_table[] = {
    PID_FILES,
    SHOW("children", 0444, show_children),
    PSEUDO_END,
};
