/* /proc/sys: settings.  Most are constants; those others care for live in `settings`
 * and can be written by root, with the limits Linux has. */
#include <linux/capability.h>
#include <linux/errno.h>

#include "proc.h"
#include "procfs.h"
#include "random.h"
#include "sysctl.h"

static struct {
    s64 value, min, max;
} settings[SYSCTL_COUNT] = {
    [SYSCTL_INOTIFY_EVENTS] = {16384, 0, 1 << 30},
    [SYSCTL_INOTIFY_INSTANCES] = {128, 0, 1 << 30},
    [SYSCTL_INOTIFY_WATCHES] = {192536, 0, 1 << 30},
    [SYSCTL_OVERCOMMIT_MEMORY] = {0, 0, 2},
    [SYSCTL_OVERCOMMIT_RATIO] = {50, 0, 1 << 30},
    [SYSCTL_SWAPPINESS] = {60, 0, 200},
    [SYSCTL_MAX_MAP_COUNT] = {65530, 0, 1 << 30},
    [SYSCTL_PIPE_MAX_SIZE] = {1 << 20, 4096, 1 << 30},
    [SYSCTL_SOMAXCONN] = {4096, 0, 1 << 30},
    [SYSCTL_SHM_RMID_FORCED] = {0, 0, 1},
    [SYSCTL_SUID_DUMPABLE] = {0, 0, 2},
    [SYSCTL_CORE_USES_PID] = {0, 0, 1},
    [SYSCTL_PTRACE_SCOPE] = {0, 0, 3},
    [SYSCTL_PORT_START] = {1024, 0, 65535},
};

s64 sysctl(enum sysctl which) { return __atomic_load_n(&settings[which].value, __ATOMIC_RELAXED); }

static long show_setting(const struct pseudo *p, struct textbuf *b)
{
    text_add(b, "%ld\n", sysctl((enum sysctl)p->node->arg));
    return 0;
}

static long store_setting(const struct pseudo *p, const char *text, size_t n)
{
    u64 which = p->node->arg;
    long err;
    s64 v = pseudo_number(text, settings[which].min, settings[which].max, &err);

    (void)n;
    if (current()->cred.fsuid != 0 && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (!err)
        __atomic_store_n(&settings[which].value, v, __ATOMIC_RELAXED);
    return err;
}

/* ---- computed values -------------------------------------------------------------------- */

static long show_boot_text(const struct pseudo *p, struct textbuf *b)
{
    u32 offset = *(const u32 *)((const char *)boot() + p->node->arg);

    text_add(b, "%s\n", offset ? (const char *)(SEG_BASE + offset) : "");
    return 0;
}

static long show_hostname(const struct pseudo *p, struct textbuf *b)
{
    text_add(b, "%s\n", p->node->arg ? system_domainname() : system_hostname());
    return 0;
}

static long store_hostname(const struct pseudo *p, const char *text, size_t n)
{
    if (n && text[n - 1] == '\n')
        n--;
    n = MIN(n, (size_t)64);
    return p->node->arg ? system_set_domainname(text, n) : system_set_hostname(text, n);
}

static void text_uuid(struct textbuf *b, const u8 *u)
{
    int i;

    for (i = 0; i < 16; i++)
        text_add(b, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
    text_add(b, "\n");
}

static long show_uuid(const struct pseudo *p, struct textbuf *b)
{
    u8 u[16];

    (void)p;
    random_bytes(u, sizeof(u));
    u[6] = (u[6] & 0x0f) | 0x40; /* version 4, random */
    u[8] = (u[8] & 0x3f) | 0x80;
    text_uuid(b, u);
    return 0;
}

static long show_boot_id(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_uuid(b, boot()->boot_id);
    return 0;
}

static long show_file_nr(const struct pseudo *p, struct textbuf *b)
{
    struct process *proc;
    u64 files = 0;
    s32 pid = 0;

    (void)p;
    while ((proc = process_next(pid)) != NULL) {
        struct pseudo who = {.pid = proc->pid, .start = proc->start_ns};
        struct files *f;
        u32 fd;

        pid = proc->pid;
        process_put(proc);
        f = proc_files(&who);
        if (!f)
            continue;
        lock(&f->lock);
        for (fd = 0; fd < f->size; fd++)
            files += f->fd[fd] != NULL;
        unlock(&f->lock);
        files_put(f);
    }
    text_add(b, "%lu\t0\t9223372036854775807\n", files);
    return 0;
}

static long show_threads_max(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "%lu\n", SLOT_MAX);
    return 0;
}

/* ---- tables ------------------------------------------------------------------------------- */

#define SETTING(n, which)                                                                          \
    {                                                                                              \
        .name = n, .mode = S_IFREG | 0644, .show = show_setting, .store = store_setting,           \
        .arg = which                                                                               \
    }
#define CONST(n, t) PSEUDO_TEXT(n, t "\n")
#define SYSTEM_NAME(n, a)                                                                          \
    {                                                                                              \
        .name = n, .mode = S_IFREG | 0644, .show = show_hostname, .store = store_hostname,         \
        .arg = a                                                                                   \
    }
#define BOOT(n, field) PSEUDO_SHOW_ARG(n, show_boot_text, offsetof(struct boot_info, field))

static const struct pseudo_node random_table[] = {
    PSEUDO_SHOW("boot_id", show_boot_id),
    CONST("entropy_avail", "256"),
    CONST("poolsize", "256"),
    CONST("urandom_min_reseed_secs", "60"),
    PSEUDO_SHOW("uuid", show_uuid),
    CONST("write_wakeup_threshold", "256"),
    PSEUDO_END,
};
static const struct pseudo_node seccomp_table[] = {
    CONST("actions_avail", "kill_process kill_thread trap errno user_notif trace log allow"),
    CONST("actions_logged", "kill_process kill_thread trap errno user_notif trace log"),
    PSEUDO_END,
};
static const struct pseudo_node pty_table[] = {
    CONST("max", "4096"),
    CONST("nr", "0"),
    CONST("reserve", "1024"),
    PSEUDO_END,
};
static const struct pseudo_node yama_table[] = {
    SETTING("ptrace_scope", SYSCTL_PTRACE_SCOPE),
    PSEUDO_END,
};
static const struct pseudo_node keys_table[] = {
    CONST("maxbytes", "20000"),
    CONST("maxkeys", "200"),
    CONST("root_maxbytes", "25000000"),
    CONST("root_maxkeys", "1000000"),
    PSEUDO_END,
};

static const struct pseudo_node kernel_table[] = {
    CONST("arch", "x86_64"),
    CONST("cap_last_cap", "40"),
    CONST("core_pattern", "core"),
    CONST("core_pipe_limit", "0"),
    SETTING("core_uses_pid", SYSCTL_CORE_USES_PID),
    CONST("dmesg_restrict", "1"),
    SYSTEM_NAME("domainname", 1),
    SYSTEM_NAME("hostname", 0),
    CONST("io_uring_disabled", "2"),
    PSEUDO_DIR("keys", keys_table),
    CONST("kptr_restrict", "1"),
    CONST("modules_disabled", "1"),
    CONST("msgmax", "8192"),
    CONST("msgmnb", "16384"),
    CONST("msgmni", "32000"),
    CONST("ngroups_max", "65536"),
    CONST("numa_balancing", "0"),
    BOOT("osrelease", kernel_release),
    CONST("ostype", "Linux"),
    CONST("overflowgid", "65534"),
    CONST("overflowuid", "65534"),
    CONST("panic", "0"),
    CONST("perf_cpu_time_max_percent", "25"),
    CONST("perf_event_max_sample_rate", "100000"),
    CONST("perf_event_mlock_kb", "516"),
    CONST("perf_event_paranoid", "3"),
    CONST("pid_max", "4194304"),
    CONST("printk", "4\t4\t1\t7"),
    PSEUDO_DIR("pty", pty_table),
    PSEUDO_DIR("random", random_table),
    CONST("randomize_va_space", "2"),
    CONST("sched_autogroup_enabled", "0"),
    CONST("sched_cfs_bandwidth_slice_us", "5000"),
    CONST("sched_child_runs_first", "0"),
    CONST("sched_deadline_period_max_us", "4194304"),
    CONST("sched_deadline_period_min_us", "100"),
    CONST("sched_rr_timeslice_ms", "100"),
    CONST("sched_rt_period_us", "1000000"),
    CONST("sched_rt_runtime_us", "950000"),
    PSEUDO_DIR("seccomp", seccomp_table),
    CONST("sem", "32000\t1024000000\t500\t32000"),
    SETTING("shm_rmid_forced", SYSCTL_SHM_RMID_FORCED),
    CONST("shmall", "18446744073692774399"),
    CONST("shmmax", "18446744073692774399"),
    CONST("shmmni", "4096"),
    CONST("tainted", "0"),
    PSEUDO_SHOW("threads-max", show_threads_max),
    CONST("unprivileged_bpf_disabled", "2"),
    CONST("unprivileged_userns_clone", "0"),
    BOOT("version", kernel_version),
    PSEUDO_DIR("yama", yama_table),
    PSEUDO_END,
};

static const struct pseudo_node inotify_table[] = {
    SETTING("max_queued_events", SYSCTL_INOTIFY_EVENTS),
    SETTING("max_user_instances", SYSCTL_INOTIFY_INSTANCES),
    SETTING("max_user_watches", SYSCTL_INOTIFY_WATCHES),
    PSEUDO_END,
};
static const struct pseudo_node epoll_table[] = {
    CONST("max_user_watches", "5491511"),
    PSEUDO_END,
};
static const struct pseudo_node mqueue_table[] = {
    CONST("msg_default", "10"),   CONST("msg_max", "10"),     CONST("msgsize_default", "8192"),
    CONST("msgsize_max", "8192"), CONST("queues_max", "256"), PSEUDO_END,
};

static long show_aio_nr(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    text_add(b, "%lu\n", aio_nr());
    return 0;
}

static const struct pseudo_node fs_table[] = {
    CONST("aio-max-nr", "65536"),
    PSEUDO_SHOW("aio-nr", show_aio_nr),
    CONST("dentry-state", "0\t0\t45\t0\t0\t0"),
    CONST("dir-notify-enable", "1"),
    PSEUDO_DIR("epoll", epoll_table),
    CONST("file-max", "9223372036854775807"),
    PSEUDO_SHOW("file-nr", show_file_nr),
    CONST("inode-nr", "0\t0"),
    CONST("inode-state", "0\t0\t0\t0\t0\t0\t0"),
    PSEUDO_DIR("inotify", inotify_table),
    CONST("lease-break-time", "45"),
    CONST("leases-enable", "1"),
    CONST("mount-max", "100000"),
    PSEUDO_DIR("mqueue", mqueue_table),
    CONST("nr_open", "1048576"),
    CONST("overflowgid", "65534"),
    CONST("overflowuid", "65534"),
    SETTING("pipe-max-size", SYSCTL_PIPE_MAX_SIZE),
    CONST("pipe-user-pages-hard", "0"),
    CONST("pipe-user-pages-soft", "16384"),
    CONST("protected_fifos", "0"),
    CONST("protected_hardlinks", "1"),
    CONST("protected_regular", "0"),
    CONST("protected_symlinks", "0"),
    SETTING("suid_dumpable", SYSCTL_SUID_DUMPABLE),
    PSEUDO_END,
};

static const struct pseudo_node vm_table[] = {
    CONST("admin_reserve_kbytes", "8192"),
    CONST("dirty_background_ratio", "10"),
    CONST("dirty_expire_centisecs", "3000"),
    CONST("dirty_ratio", "20"),
    CONST("dirty_writeback_centisecs", "500"),
    CONST("legacy_va_layout", "0"),
    SETTING("max_map_count", SYSCTL_MAX_MAP_COUNT),
    CONST("min_free_kbytes", "67584"),
    CONST("mmap_min_addr", "65536"),
    CONST("mmap_rnd_bits", "28"),
    CONST("nr_hugepages", "0"),
    CONST("nr_overcommit_hugepages", "0"),
    CONST("oom_dump_tasks", "1"),
    CONST("oom_kill_allocating_task", "0"),
    CONST("overcommit_kbytes", "0"),
    SETTING("overcommit_memory", SYSCTL_OVERCOMMIT_MEMORY),
    SETTING("overcommit_ratio", SYSCTL_OVERCOMMIT_RATIO),
    CONST("page-cluster", "3"),
    CONST("panic_on_oom", "0"),
    SETTING("swappiness", SYSCTL_SWAPPINESS),
    CONST("unprivileged_userfaultfd", "0"),
    CONST("user_reserve_kbytes", "131072"),
    CONST("vfs_cache_pressure", "100"),
    CONST("zone_reclaim_mode", "0"),
    PSEUDO_END,
};

/* ---- net ------------------------------------------------------------------------------------ */

static const struct pseudo_node net_core_table[] = {
    CONST("netdev_max_backlog", "1000"),
    CONST("optmem_max", "131072"),
    CONST("rmem_default", "212992"),
    CONST("rmem_max", "212992"),
    SETTING("somaxconn", SYSCTL_SOMAXCONN),
    CONST("wmem_default", "212992"),
    CONST("wmem_max", "212992"),
    PSEUDO_END,
};
static const struct pseudo_node ipv4_table[] = {
    CONST("ip_default_ttl", "64"),
    CONST("ip_forward", "0"),
    CONST("ip_local_port_range", "32768\t60999"),
    CONST("ip_local_reserved_ports", ""),
    CONST("ip_nonlocal_bind", "0"),
    SETTING("ip_unprivileged_port_start", SYSCTL_PORT_START),
    CONST("ping_group_range", "1\t0"),
    CONST("tcp_allowed_congestion_control", "reno cubic"),
    CONST("tcp_available_congestion_control", "reno cubic"),
    CONST("tcp_congestion_control", "cubic"),
    CONST("tcp_ecn", "2"),
    CONST("tcp_fastopen", "1"),
    CONST("tcp_fin_timeout", "60"),
    CONST("tcp_keepalive_intvl", "75"),
    CONST("tcp_keepalive_probes", "9"),
    CONST("tcp_keepalive_time", "7200"),
    CONST("tcp_max_syn_backlog", "2048"),
    CONST("tcp_mem", "287901\t383868\t575802"),
    CONST("tcp_retries1", "3"),
    CONST("tcp_retries2", "15"),
    CONST("tcp_rmem", "4096\t131072\t6291456"),
    CONST("tcp_sack", "1"),
    CONST("tcp_syn_retries", "6"),
    CONST("tcp_syncookies", "1"),
    CONST("tcp_timestamps", "1"),
    CONST("tcp_tw_reuse", "2"),
    CONST("tcp_window_scaling", "1"),
    CONST("tcp_wmem", "4096\t16384\t4194304"),
    PSEUDO_END,
};
static const struct pseudo_node ipv6_conf_table[] = {
    CONST("disable_ipv6", "0"),
    CONST("forwarding", "0"),
    PSEUDO_END,
};
static const struct pseudo_node ipv6_confs_table[] = {
    PSEUDO_DIR("all", ipv6_conf_table),
    PSEUDO_DIR("default", ipv6_conf_table),
    PSEUDO_DIR("lo", ipv6_conf_table),
    PSEUDO_END,
};
static const struct pseudo_node ipv6_table[] = {
    CONST("bindv6only", "0"),
    PSEUDO_DIR("conf", ipv6_confs_table),
    CONST("ip_nonlocal_bind", "0"),
    PSEUDO_END,
};
static const struct pseudo_node unix_table[] = {
    CONST("max_dgram_qlen", "512"),
    PSEUDO_END,
};
static const struct pseudo_node net_table[] = {
    PSEUDO_DIR("core", net_core_table),
    PSEUDO_DIR("ipv4", ipv4_table),
    PSEUDO_DIR("ipv6", ipv6_table),
    PSEUDO_DIR("unix", unix_table),
    PSEUDO_END,
};

const struct pseudo_node proc_sys_table[] = {
    PSEUDO_DIR("fs", fs_table),
    PSEUDO_DIR("kernel", kernel_table),
    PSEUDO_DIR("net", net_table),
    PSEUDO_DIR("vm", vm_table),
    PSEUDO_END,
};
