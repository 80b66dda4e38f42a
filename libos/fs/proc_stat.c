/* /proc/PID/{stat,statm,status,limits,sched}: one process or thread in numbers. */
#include <linux/errno.h>
#include <linux/sched.h>

#include "dev.h"
#include "procfs.h"

#define TICK  ((u64)NSEC / 100) /* USER_HZ */
#define KB(n) ((n) >> 10)

/* ---- what they have in common ---------------------------------------------------- */

/* The host counts; it is asked after the locks are gone, in one request. */
long proc_cpu(const struct pseudo *p, struct cpu_use *use)
{
    struct process *proc = proc_get(p);
    struct thread *t;
    s64 id = 0;
    long ticks;

    *use = (struct cpu_use){0};
    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    if (proc->zombie) {
        use->user = proc->utime;
        use->system = proc->stime;
    } else if (!p->tid) {
        id = -(s64)proc->host_pid;
    } else {
        t = thread_find(proc, p->tid);
        id = t ? t->host_tid : 0;
    }
    unlock(&proc->lock);
    process_put(proc);
    ticks = id ? host_report(HOST_REPORT_CPUTIME, (u64)id, 3, NULL) : 0;
    if (ticks > 0) {
        use->user = ((u64)ticks >> 32) * TICK;
        use->system = ((u64)ticks & 0xffffffff) * TICK;
    }
    return 0;
}

char proc_state(const struct process *proc, const struct thread *t)
{
    if (proc->zombie || !t || t->state == THREAD_DEAD)
        return 'Z';
    if (t->tracee.stopped)
        return 't';
    if (proc->stopped && !t->tracee.runs_on)
        return 'T';
    return t == current() || t->state != THREAD_BLOCKED ? 'R' : 'S';
}

static const char *state_name(char c)
{
    switch (c) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'T':
        return "T (stopped)";
    case 't':
        return "t (tracing stop)";
    default:
        return "Z (zombie)";
    }
}

/* Everything wanted from a thread and its process, copied under the lock. */
struct snapshot {
    char comm[16], state;
    s32 tracer, pid, tid, ppid, pgid, sid, nice, exit_signal, exit_code, fdsize;
    u32 nthreads, umask, no_new_privs, queued;
    u64 start, cutime, cstime, rss_limit, sigpending_limit;
    u64 pending, shared, blocked, ignored, caught;
    u64 affinity;
    uptr arg_start, arg_end, env_start, env_end, start_code, end_code, stack, brk;
    struct cred cred;
};

static void snapshot_signals(struct snapshot *s, const struct process *proc, struct thread *t)
{
    struct sighand *sh = proc->sighand;
    int i;

    s->pending = t->sig.pending.set;
    s->shared = proc->shared.pending.set;
    s->blocked = t->sig.blocked;
    s->queued = proc->shared.queued;
    if (!sh)
        return;
    lock(&sh->lock);
    for (i = 0; i < NSIG; i++) {
        if (sh->action[i].handler == SIG_IGN_)
            s->ignored |= 1ULL << i;
        else if (sh->action[i].handler != SIG_DFL_)
            s->caught |= 1ULL << i;
    }
    unlock(&sh->lock);
}

static void snapshot_memory(struct snapshot *s, const struct pseudo *p)
{
    struct mm *mm = proc_mm(p);
    struct vma *v;

    if (!mm)
        return;
    lock(&mm->lock);
    s->stack = mm->stack_top;
    s->brk = mm->brk_start;
    for (v = vma_next(mm, 0); v; v = vma_next(mm, v->end)) {
        if (v->file && (v->prot & 4)) {
            s->start_code = v->start;
            s->end_code = v->end;
            break;
        }
    }
    unlock(&mm->lock);
    mm_put(mm);
}

static void snapshot_thread(struct snapshot *s, const struct process *proc, struct thread *t)
{
    memcpy(s->comm, t->comm, sizeof(s->comm));
    s->nice = t->nice;
    s->no_new_privs = t->no_new_privs;
    s->affinity = t->affinity[0];
    s->cred = t->cred;
    s->umask = t->own_fs ? t->own_fs->umask : proc->fs ? proc->fs->umask : 0;
    s->fdsize = proc->files ? (s32)proc->files->size : 0;
    s->arg_start = proc->arg_start;
    s->arg_end = proc->arg_end;
    s->env_start = proc->env_start;
    s->env_end = proc->env_end;
    snapshot_signals(s, proc, t);
}

/* What is left of a process after its last thread. */
static void snapshot_zombie(struct snapshot *s, const struct process *proc)
{
    struct cred *c = &s->cred;

    memcpy(s->comm, proc->last_comm, sizeof(s->comm));
    c->uid = c->euid = c->suid = c->fsuid = proc->last_uid;
    c->gid = c->egid = c->sgid = c->fsgid = proc->last_gid;
    s->nthreads = 1;
    s->exit_code = proc->exit_status;
}

static long snapshot_take(const struct pseudo *p, struct snapshot *s)
{
    struct process *proc = proc_get(p);
    struct thread *t;

    memset(s, 0, sizeof(*s));
    if (!proc)
        return -ESRCH;
    lock(&proc->lock);
    t = p->tid ? thread_find(proc, p->tid) : proc->leader;
    s->state = proc_state(proc, t);
    s->tracer = t ? trace_tracer(t) : 0;
    s->pid = proc->pid;
    s->tid = p->tid ? p->tid : proc->pid;
    s->ppid = READ_ONCE(proc->ppid);
    s->pgid = proc->pgid;
    s->sid = proc->sid;
    s->exit_signal = p->tid && p->tid != proc->pid ? -1 : proc->exit_signal;
    s->nthreads = proc->nthreads;
    s->start = p->tid && t ? t->start_ns : proc->start_ns;
    s->cutime = proc->child_utime;
    s->cstime = proc->child_stime;
    s->rss_limit = proc->rlimits[5][0];
    s->sigpending_limit = proc->rlimits[11][0];
    if (t)
        snapshot_thread(s, proc, t);
    else
        snapshot_zombie(s, proc);
    unlock(&proc->lock);
    process_put(proc);
    return 0;
}

/* ---- stat, statm --------------------------------------------------------------------- */

long proc_show_stat(const struct pseudo *p, struct textbuf *b)
{
    struct snapshot s;
    struct mem_use mem;
    struct cpu_use cpu;
    s32 foreground = -1;
    u32 tty = 0;
    long rc = snapshot_take(p, &s);

    if (!rc)
        rc = proc_cpu(p, &cpu);
    if (rc)
        return rc;
    proc_mem_use(p, &mem);
    if (proc_may_access(p) == 0)
        snapshot_memory(&s, p);
    tty_of_session(s.sid, &tty, &foreground);
    text_add(b, "%d (%s) %c %d %d %d %u %d %u 0 0 0 0 ", s.tid, s.comm, s.state, s.ppid, s.pgid,
             s.sid, tty, foreground, 0x400000);
    text_add(b, "%lu %lu %lu %lu %d %d %u 0 %lu ", cpu.user / TICK, cpu.system / TICK,
             s.cutime / TICK, s.cstime / TICK, 20 + s.nice, s.nice, s.nthreads, s.start / TICK);
    text_add(b, "%lu %lu %lu ", mem.total, mem.resident / PAGE_SIZE, s.rss_limit);
    text_add(b, "%lu %lu %lu 0 0 ", s.start_code, s.end_code, s.stack);
    text_add(b, "%lu %lu %lu %lu ", s.pending & 0x7fffffff, s.blocked & 0x7fffffff,
             s.ignored & 0x7fffffff, s.caught & 0x7fffffff);
    text_add(b, "0 0 0 %d 0 0 0 0 0 0 ", s.exit_signal);
    text_add(b, "0 0 %lu %lu %lu %lu %lu %d\n", s.brk, s.arg_start, s.arg_end, s.env_start,
             s.env_end, s.exit_code);
    return 0;
}

long proc_show_statm(const struct pseudo *p, struct textbuf *b)
{
    struct mem_use m;

    proc_mem_use(p, &m);
    text_add(b, "%lu %lu %lu %lu 0 %lu 0\n", m.total / PAGE_SIZE, m.resident / PAGE_SIZE,
             (m.file + m.shmem) / PAGE_SIZE, m.text / PAGE_SIZE, (m.data + m.stack) / PAGE_SIZE);
    return 0;
}

/* ---- status -------------------------------------------------------------------------- */

static void status_identity(struct textbuf *b, const struct snapshot *s)
{
    const struct cred *c = &s->cred;
    u32 i;

    text_add(b, "Name:\t");
    text_escaped(b, s->comm, "\n\\");
    text_add(b, "\n");
    if (s->state != 'Z')
        text_add(b, "Umask:\t%04o\n", s->umask);
    text_add(b, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
             state_name(s->state), s->pid, s->tid, s->ppid, s->tracer);
    text_add(b, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
    text_add(b, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
    text_add(b, "FDSize:\t%d\nGroups:\t", s->fdsize);
    for (i = 0; i < c->ngroups; i++)
        text_add(b, i ? " %u" : "%u", c->groups[i]);
    text_add(b, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s->pid, s->tid, s->pgid,
             s->sid);
}

static void status_memory(struct textbuf *b, const struct mem_use *m)
{
    const struct {
        const char *name;
        u64 bytes;
    } lines[] = {
        {"VmPeak", m->peak},    {"VmSize", m->total},
        {"VmLck", m->locked},   {"VmPin", 0},
        {"VmHWM", m->resident}, {"VmRSS", m->resident},
        {"RssAnon", m->anon},   {"RssFile", m->file},
        {"RssShmem", m->shmem}, {"VmData", m->data},
        {"VmStk", m->stack},    {"VmExe", m->text},
        {"VmLib", m->lib},      {"VmPTE", m->resident / 512 + 8 * PAGE_SIZE},
        {"VmSwap", 0},
    };
    size_t i;

    for (i = 0; i < ARRAY_SIZE(lines); i++)
        text_add(b, "%s:\t%8lu kB\n", lines[i].name, KB(lines[i].bytes));
    text_add(b, "HugetlbPages:\t%8lu kB\nCoreDumping:\t0\nTHP_enabled:\t1\n", 0UL);
}

static void status_rest(struct textbuf *b, const struct snapshot *s)
{
    const struct cred *c = &s->cred;
    u64 all = boot()->ncpu >= 64 ? ~0ULL : (1ULL << boot()->ncpu) - 1;
    u64 cpus = s->affinity ? s->affinity & all : all;
    bool first = true;
    int i;

    text_add(b, "Threads:\t%u\nSigQ:\t%u/%lu\n", s->nthreads, s->queued, s->sigpending_limit);
    text_add(b, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n", s->pending,
             s->shared, s->blocked, s->ignored);
    text_add(b, "SigCgt:\t%016lx\n", s->caught);
    text_add(b, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n",
             c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bset);
    text_add(b, "CapAmb:\t%016lx\nNoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n",
             c->cap_ambient, s->no_new_privs);
    text_add(b, "Speculation_Store_Bypass:\tvulnerable\n"
                "SpeculationIndirectBranch:\talways enabled\n");
    if (cpus >> 32)
        text_add(b, "Cpus_allowed:\t%08lx,%08lx\nCpus_allowed_list:\t", cpus >> 32,
                 cpus & 0xffffffff);
    else
        text_add(b, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", cpus);
    for (i = 0; i < 64; i++) {
        int from = i;

        if (!(cpus >> i & 1))
            continue;
        while (i + 1 < 64 && (cpus >> (i + 1) & 1))
            i++;
        text_add(b, first ? "%d" : ",%d", from);
        if (i > from)
            text_add(b, "-%d", i);
        first = false;
    }
    text_add(b, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
                "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
}

long proc_show_status(const struct pseudo *p, struct textbuf *b)
{
    struct snapshot s;
    struct mem_use mem;
    long rc = snapshot_take(p, &s);

    if (rc)
        return rc;
    status_identity(b, &s);
    if (s.state != 'Z') {
        proc_mem_use(p, &mem);
        status_memory(b, &mem);
    }
    status_rest(b, &s);
    return 0;
}

/* ---- limits, sched ---------------------------------------------------------------------- */

static void limit_value(struct textbuf *b, u64 v)
{
    if (v == ~0ULL)
        text_add(b, "%-20s ", "unlimited");
    else
        text_add(b, "%-20lu ", v);
}

long proc_show_limits(const struct pseudo *p, struct textbuf *b)
{
    static const struct {
        const char *name, *unit;
    } lines[16] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", NULL},
        {"Max realtime priority", NULL}, {"Max realtime timeout", "us"},
    };
    struct process *proc = proc_get(p);
    u32 i;

    if (!proc)
        return -ESRCH;
    text_add(b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    lock(&proc->lock);
    for (i = 0; i < 16; i++) {
        text_add(b, "%-25s ", lines[i].name);
        limit_value(b, proc->rlimits[i][0]);
        limit_value(b, proc->rlimits[i][1]);
        if (lines[i].unit)
            text_add(b, "%-10s\n", lines[i].unit);
        else
            text_add(b, "\n");
    }
    unlock(&proc->lock);
    process_put(proc);
    return 0;
}

long proc_show_sched(const struct pseudo *p, struct textbuf *b)
{
    struct snapshot s;
    struct cpu_use cpu;
    long rc = snapshot_take(p, &s);
    u64 ns;

    if (!rc)
        rc = proc_cpu(p, &cpu);
    if (rc)
        return rc;
    ns = cpu.user + cpu.system;
    text_add(b, "%s (%d, #threads: %u)\n", s.comm, s.tid, s.nthreads);
    text_add(b, "-------------------------------------------------------------------\n");
    text_add(b, "%-45s:%14lu.%06lu\n", "se.exec_start", now_boot() / 1000000, now_boot() % 1000000);
    text_add(b, "%-45s:%14lu.%06lu\n", "se.sum_exec_runtime", ns / 1000000, ns % 1000000);
    text_add(b, "%-45s:%21d\n", "nr_switches", 0);
    text_add(b, "%-45s:%21d\n", "policy", 0);
    text_add(b, "%-45s:%21d\n", "prio", 120 + s.nice);
    return 0;
}
