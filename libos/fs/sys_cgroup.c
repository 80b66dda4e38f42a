/* /sys/fs/cgroup: the sandbox as a cgroup (version 2) of its own.  Runtimes size their
 * heaps and thread pools by memory.max and cpu.max. */
#include <linux/errno.h>

#include "procfs.h"

static long show_max(struct textbuf *b, u64 v)
{
    if (v)
        text_add(b, "%lu\n", v);
    else
        text_add(b, "max\n");
    return 0;
}

static long show_memory_max(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    return show_max(b, boot()->memory_limit);
}

static long show_memory_current(const struct pseudo *p, struct textbuf *b)
{
    struct mem_info m;

    (void)p;
    system_memory(&m);
    text_add(b, "%lu\n", m.anon + m.shmem + m.slab);
    return 0;
}

static long show_memory_stat(const struct pseudo *p, struct textbuf *b)
{
    struct mem_info m;

    (void)p;
    system_memory(&m);
    text_add(b, "anon %lu\nfile %lu\nkernel %lu\nshmem %lu\nfile_mapped 0\nfile_dirty 0\n", m.anon,
             m.shmem, m.slab, m.shmem);
    text_add(b,
             "inactive_anon 0\nactive_anon %lu\ninactive_file 0\nactive_file 0\nslab %lu\n"
             "pgfault 0\npgmajfault 0\n",
             m.anon, m.slab);
    return 0;
}

static long show_pids_max(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    return show_max(b, boot()->pids_max);
}

static long show_pids_current(const struct pseudo *p, struct textbuf *b)
{
    u32 threads, running;

    (void)p;
    count_processes(&threads, &running);
    text_add(b, "%u\n", threads);
    return 0;
}

static long show_procs(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    s32 pid = 0;

    (void)p;
    while ((proc = process_next(pid)) != NULL) {
        pid = proc->pid;
        process_put(proc);
        text_add(b, "%d\n", pid);
    }
    return 0;
}

static long show_cpu_stat(const struct pseudo *p, struct textbuf *b)
{
    long user = host_report(HOST_REPORT_CPUTIME, 0, 1, NULL);
    long system = host_report(HOST_REPORT_CPUTIME, 0, 2, NULL);

    (void)p;
    user = MAX(user, 0L) / 1000;
    system = MAX(system, 0L) / 1000;
    text_add(b,
             "usage_usec %ld\nuser_usec %ld\nsystem_usec %ld\nnr_periods 0\nnr_throttled 0\n"
             "throttled_usec 0\n",
             user + system, user, system);
    return 0;
}

static long show_cpus(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, boot()->ncpu > 1 ? "0-%u\n" : "0\n", boot()->ncpu - 1);
    return 0;
}

#define CONST(n, t) PSEUDO_TEXT(n, t "\n")

static const struct pseudo_node root_table[] = {
    CONST("cgroup.controllers", "cpuset cpu memory pids"),
    CONST("cgroup.events", "populated 1\nfrozen 0"),
    CONST("cgroup.freeze", "0"),
    CONST("cgroup.max.depth", "max"),
    CONST("cgroup.max.descendants", "max"),
    PSEUDO_SHOW("cgroup.procs", show_procs),
    CONST("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0"),
    CONST("cgroup.subtree_control", ""),
    CONST("cgroup.type", "domain"),
    CONST("cpu.max", "max 100000"),
    PSEUDO_SHOW("cpu.stat", show_cpu_stat),
    CONST("cpu.weight", "100"),
    CONST("cpu.weight.nice", "0"),
    PSEUDO_SHOW("cpuset.cpus", show_cpus),
    PSEUDO_SHOW("cpuset.cpus.effective", show_cpus),
    CONST("cpuset.mems", "0"),
    CONST("cpuset.mems.effective", "0"),
    PSEUDO_SHOW("memory.current", show_memory_current),
    CONST("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0"),
    CONST("memory.high", "max"),
    CONST("memory.low", "0"),
    PSEUDO_SHOW("memory.max", show_memory_max),
    CONST("memory.min", "0"),
    CONST("memory.oom.group", "0"),
    PSEUDO_SHOW("memory.stat", show_memory_stat),
    CONST("memory.swap.current", "0"),
    CONST("memory.swap.max", "0"),
    PSEUDO_SHOW("pids.current", show_pids_current),
    CONST("pids.events", "max 0"),
    PSEUDO_SHOW("pids.max", show_pids_max),
    PSEUDO_END,
};
static const struct pseudo_node root_node = {
    .name = "/", .mode = S_IFDIR | 0555, .child = root_table};

struct super *cgroupfs_new(void) { return pseudo_super("cgroup2", CGROUP2_MAGIC, &root_node); }
