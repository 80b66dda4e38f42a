/* /proc's files about the system as a whole. */
#include <linux/errno.h>

#include "procfs.h"
#include "sysv.h"

static const char *boot_text(u32 offset) { return offset ? (const char *)(SEG_BASE + offset) : ""; }

/* ---- CPUs ------------------------------------------------------------------------------ */

static long show_cpuinfo(const struct pseudo *p, struct textbuf *b)
{
    long n;

    (void)p;
    if (boot()->cpuinfo) {
        const char *text = boot_text(boot()->cpuinfo);

        text_bytes(b, text, strlen(text));
        return 0;
    }
    n = host_text("host:cpuinfo", b->p, b->cap);
    if (n < 0)
        return n;
    b->len = (size_t)n;
    b->full = b->len == b->cap - 1; /* there may be more */
    return 0;
}

/* The host's cpu lines, or idle ones when it doesn't say. */
static void stat_cpus(struct textbuf *b)
{
    char *text = kmalloc(8 * PAGE_SIZE), *end;
    u32 i;

    if (text && host_text("host:stat", text, 8 * PAGE_SIZE) > 0 &&
        (end = strstr(text, "\nintr ")) != NULL) {
        text_bytes(b, text, (size_t)(end + 1 - text));
    } else {
        u64 idle = now_boot() / (NSEC / 100);

        text_add(b, "cpu  0 0 0 %lu 0 0 0 0 0 0\n", idle * boot()->ncpu);
        for (i = 0; i < boot()->ncpu; i++)
            text_add(b, "cpu%u 0 0 0 %lu 0 0 0 0 0 0\n", i, idle);
    }
    kfree(text);
}

static u64 boot_seconds(void) { return (now_real() - now_boot()) / NSEC; }

static long show_stat(const struct pseudo *p, struct textbuf *b)
{
    u32 threads, running;

    (void)p;
    count_processes(&threads, &running);
    stat_cpus(b);
    text_add(b, "intr 0\nctxt 0\nbtime %lu\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
             boot_seconds(), threads, running);
    text_add(b, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    return 0;
}

static long show_interrupts(const struct pseudo *p, struct textbuf *b)
{
    u32 i;

    (void)p;
    text_add(b, "     ");
    for (i = 0; i < boot()->ncpu; i++)
        text_add(b, "      CPU%-2u", i);
    text_add(b, "\nERR:          0\nMIS:          0\n");
    return 0;
}

/* ---- load, time -------------------------------------------------------------------------- */

static long show_loadavg(const struct pseudo *p, struct textbuf *b)
{
    char text[64], *end;
    u32 threads, running;

    (void)p;
    count_processes(&threads, &running);
    if (host_text("host:loadavg", text, sizeof(text)) <= 0)
        strlcpy(text, "0.00 0.00 0.00 ", sizeof(text));
    /* the three averages are the host's, the counts ours */
    end = strchr(text, ' ');
    end = end ? strchr(end + 1, ' ') : NULL;
    end = end ? strchr(end + 1, ' ') : NULL;
    if (end)
        *end = 0;
    text_add(b, "%s %u/%u %d\n", text, running, threads, current()->proc->pid);
    return 0;
}

static long show_uptime(const struct pseudo *p, struct textbuf *b)
{
    u64 up = now_boot() / (NSEC / 100), idle = up * boot()->ncpu;

    (void)p;
    text_add(b, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
    return 0;
}

static long show_version(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "Linux version %s (bailey@localhost) (gcc) %s\n", boot_text(boot()->kernel_release),
             boot_text(boot()->kernel_version));
    return 0;
}

/* ---- memory -------------------------------------------------------------------------------- */

static void meminfo_line(struct textbuf *b, const char *name, u64 bytes)
{
    text_add(b, "%s:%*s%8lu kB\n", name, (int)MAX(15 - (int)strlen(name), 0), "", bytes >> 10);
}

static long show_meminfo(const struct pseudo *p, struct textbuf *b)
{
    static const char *const zeros[] = {
        "Unevictable", "Mlocked", "SwapTotal", "SwapFree", "Zswap",
        "Zswapped",    "Dirty",   "Writeback", NULL,
    };
    static const char *const zeros2[] = {
        "KernelStack",  "PageTables", "SecPageTables", "NFS_Unstable", "Bounce",
        "WritebackTmp", NULL,
    };
    static const char *const zeros3[] = {
        "VmallocUsed",    "VmallocChunk",   "Percpu",        "HardwareCorrupted", "AnonHugePages",
        "ShmemHugePages", "ShmemPmdMapped", "FileHugePages", "FilePmdMapped",     NULL,
    };
    struct mem_info m;
    int i;

    (void)p;
    system_memory(&m);
    meminfo_line(b, "MemTotal", m.total);
    meminfo_line(b, "MemFree", m.free);
    meminfo_line(b, "MemAvailable", m.free);
    meminfo_line(b, "Buffers", 0);
    meminfo_line(b, "Cached", m.shmem);
    meminfo_line(b, "SwapCached", 0);
    meminfo_line(b, "Active", m.anon);
    meminfo_line(b, "Inactive", m.shmem);
    meminfo_line(b, "Active(anon)", m.anon);
    meminfo_line(b, "Inactive(anon)", m.shmem);
    meminfo_line(b, "Active(file)", 0);
    meminfo_line(b, "Inactive(file)", 0);
    for (i = 0; zeros[i]; i++)
        meminfo_line(b, zeros[i], 0);
    meminfo_line(b, "AnonPages", m.anon);
    meminfo_line(b, "Mapped", m.shmem);
    meminfo_line(b, "Shmem", m.shmem);
    meminfo_line(b, "KReclaimable", 0);
    meminfo_line(b, "Slab", m.slab);
    meminfo_line(b, "SReclaimable", 0);
    meminfo_line(b, "SUnreclaim", m.slab);
    for (i = 0; zeros2[i]; i++)
        meminfo_line(b, zeros2[i], 0);
    meminfo_line(b, "CommitLimit", m.total / 2);
    meminfo_line(b, "Committed_AS", m.anon + m.shmem);
    text_add(b, "VmallocTotal:   34359738367 kB\n");
    for (i = 0; zeros3[i]; i++)
        meminfo_line(b, zeros3[i], 0);
    text_add(b, "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
                "HugePages_Surp:        0\n");
    meminfo_line(b, "Hugepagesize", 2UL << 20);
    meminfo_line(b, "Hugetlb", 0);
    meminfo_line(b, "DirectMap4k", m.total);
    meminfo_line(b, "DirectMap2M", 0);
    return 0;
}

static long show_vmstat(const struct pseudo *p, struct textbuf *b)
{
    struct mem_info m;

    (void)p;
    system_memory(&m);
    text_add(b,
             "nr_free_pages %lu\nnr_anon_pages %lu\nnr_mapped 0\nnr_file_pages %lu\n"
             "nr_dirty 0\nnr_writeback 0\nnr_shmem %lu\nnr_slab_unreclaimable %lu\n",
             m.free / PAGE_SIZE, m.anon / PAGE_SIZE, m.shmem / PAGE_SIZE, m.shmem / PAGE_SIZE,
             m.slab / PAGE_SIZE);
    text_add(b, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n"
                "oom_kill 0\n");
    return 0;
}

/* ---- the root's table ------------------------------------------------------------------------ */

static const struct pseudo_node empty_table[] = {PSEUDO_END};
static const struct pseudo_node tty_table[] = {
    PSEUDO_TEXT("drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                           "/dev/console         /dev/console    5       1 system:console\n"
                           "/dev/ptmx            /dev/ptmx       5       2 system\n"
                           "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
                           "pty_master           /dev/ptm      128 0-1048575 pty:master\n"),
    PSEUDO_DIR("driver", empty_table),
    PSEUDO_DIR("ldisc", empty_table),
    PSEUDO_TEXT("ldiscs", "n_tty       0\n"),
    PSEUDO_END,
};
static long show_msg(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid "
                " cgid      stime      rtime      ctime\n");
    msg_show(b);
    return 0;
}

static long show_sem(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
                "ctime\n");
    sem_show(b);
    return 0;
}

static long show_shm(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid "
                " cuid  cgid      atime      dtime      ctime                   rss              "
                "    swap\n");
    shm_show(b);
    return 0;
}

static const struct pseudo_node sysvipc_table[] = {
    PSEUDO_SHOW("msg", show_msg),
    PSEUDO_SHOW("sem", show_sem),
    PSEUDO_SHOW("shm", show_shm),
    PSEUDO_END,
};

const struct pseudo_node proc_root_table[] = {
    PSEUDO_TEXT("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
                           "cpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\nmemory\t0\t1\t1\n"
                           "pids\t0\t1\t1\n"),
    PSEUDO_TEXT("cmdline", "quiet\n"),
    PSEUDO_TEXT("consoles", ""),
    PSEUDO_SHOW("cpuinfo", show_cpuinfo),
    PSEUDO_TEXT("crypto", ""),
    PSEUDO_TEXT("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n"
                           "  5 /dev/ptmx\n 10 misc\n128 ptm\n136 pts\n\nBlock devices:\n"),
    PSEUDO_TEXT("diskstats", ""),
    PSEUDO_TEXT("execdomains", "0-0\tLinux           \t[kernel]\n"),
    PSEUDO_TEXT("filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\n"
                               "nodev\tdevtmpfs\nnodev\tpipefs\nnodev\tsockfs\nnodev\tmqueue\n"
                               "nodev\tdevpts\nnodev\toverlay\n"),
    PSEUDO_SHOW("interrupts", show_interrupts),
    PSEUDO_TEXT("iomem", ""),
    PSEUDO_TEXT("ioports", ""),
    PSEUDO_SHOW("loadavg", show_loadavg),
    PSEUDO_TEXT("locks", ""),
    PSEUDO_SHOW("meminfo", show_meminfo),
    PSEUDO_TEXT("misc", ""),
    PSEUDO_TEXT("modules", ""),
    PSEUDO_LINK("mounts", "self/mounts"),
    PSEUDO_LINK("net", "self/net"),
    PSEUDO_TEXT("partitions", "major minor  #blocks  name\n\n"),
    {.name = "self", .mode = S_IFLNK | 0777, .link = proc_link_self},
    PSEUDO_TEXT("softirqs", ""),
    PSEUDO_SHOW("stat", show_stat),
    PSEUDO_TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    PSEUDO_DIR("sys", proc_sys_table),
    PSEUDO_DIR("sysvipc", sysvipc_table),
    {.name = "thread-self", .mode = S_IFLNK | 0777, .link = proc_link_thread_self},
    PSEUDO_DIR("tty", tty_table),
    PSEUDO_SHOW("uptime", show_uptime),
    PSEUDO_SHOW("version", show_version),
    PSEUDO_SHOW("vmstat", show_vmstat),
    PSEUDO_END,
};
