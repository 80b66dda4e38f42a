/* /sys as programs read it: CPUs, the one memory node, huge pages, the loopback device. */
#include <linux/errno.h>

#include "procfs.h"
#include "sysfs.h"

const char *sys_cpu_list(void)
{
    return boot()->cpu_online ? (const char *)(SEG_BASE + boot()->cpu_online) : "0";
}

static long show_online(const struct pseudo *p, struct textbuf *b)
{
    const char *list = sys_cpu_list();
    size_t n = strlen(list);

    (void)p;
    text_add(b, n && list[n - 1] == '\n' ? "%s" : "%s\n", list);
    return 0;
}

/* ---- directories numbered by CPU ------------------------------------------------------------ */

static const struct pseudo_node cpu_node = {
    .name = "cpuN", .mode = S_IFDIR | 0755, .child = sys_one_cpu_table};

static long cpu_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    const char *end;
    u64 n;

    (void)dir;
    if (strncmp(name, "cpu", 3) || name[3] < '0' || name[3] > '9')
        return -ENOENT;
    n = parse_u64(name + 3, &end, 10);
    if (*end || n >= boot()->ncpu || (name[3] == '0' && name[4]))
        return -ENOENT;
    out->node = &cpu_node;
    out->key = n;
    return 0;
}

static bool cpu_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                     struct pseudo *out)
{
    (void)dir;
    if (*cursor >= boot()->ncpu)
        return false;
    out->node = &cpu_node;
    out->key = *cursor;
    snprintf(name, PSEUDO_NAME, "cpu%lu", (*cursor)++);
    return true;
}

static const struct pseudo_dir cpu_dir = {cpu_lookup, cpu_next};

/* ---- memory node ------------------------------------------------------------------------------
 */

static void node_line(struct textbuf *b, const char *name, u64 bytes)
{
    text_add(b, "Node 0 %s:%*s%8lu kB\n", name, (int)(15 - strlen(name)), "", bytes >> 10);
}

static long show_node_meminfo(const struct pseudo *p, struct textbuf *b)
{
    struct mem_info m;

    (void)p;
    system_memory(&m);
    node_line(b, "MemTotal", m.total);
    node_line(b, "MemFree", m.free);
    node_line(b, "MemUsed", m.total - m.free);
    node_line(b, "AnonPages", m.anon);
    node_line(b, "Shmem", m.shmem);
    node_line(b, "Slab", m.slab);
    text_add(b, "Node 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\n"
                "Node 0 HugePages_Surp:      0\n");
    return 0;
}

static long show_cpu_map(const struct pseudo *p, struct textbuf *b)
{
    (void)p;
    sys_cpu_mask(b, 0, boot()->ncpu);
    return 0;
}

/* ---- tables -------------------------------------------------------------------------------------
 */

#define CONST(n, t) PSEUDO_TEXT(n, t "\n")
#define DIR(n, t)                                                                                  \
    {                                                                                              \
        .name = n, .mode = S_IFDIR | 0755, .child = t                                              \
    }

static const struct pseudo_node empty_table[] = {PSEUDO_END};

static const struct pseudo_node smt_table[] = {
    CONST("active", "0"),
    CONST("control", "notsupported"),
    PSEUDO_END,
};

static const struct pseudo_node cpus_table[] = {
    CONST("isolated", ""),
    CONST("kernel_max", "8191"),
    CONST("offline", ""),
    PSEUDO_SHOW("online", show_online),
    PSEUDO_SHOW("possible", show_online),
    PSEUDO_SHOW("present", show_online),
    DIR("smt", smt_table),
    PSEUDO_END,
};

static const struct pseudo_node node0_table[] = {
    PSEUDO_SHOW("cpulist", show_online),
    PSEUDO_SHOW("cpumap", show_cpu_map),
    CONST("distance", "10"),
    PSEUDO_SHOW("meminfo", show_node_meminfo),
    CONST("numastat", "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\n"
                      "other_node 0"),
    PSEUDO_END,
};

static const struct pseudo_node nodes_table[] = {
    CONST("has_cpu", "0"),
    CONST("has_memory", "0"),
    CONST("has_normal_memory", "0"),
    DIR("node0", node0_table),
    CONST("online", "0"),
    CONST("possible", "0"),
    PSEUDO_END,
};

static const struct pseudo_node dev_system_table[] = {
    {.name = "cpu", .mode = S_IFDIR | 0755, .child = cpus_table, .dir = &cpu_dir},
    DIR("node", nodes_table),
    PSEUDO_END,
};

static const struct pseudo_node lo_statistics_table[] = {
    CONST("rx_bytes", "0"),   CONST("rx_dropped", "0"), CONST("rx_errors", "0"),
    CONST("rx_packets", "0"), CONST("tx_bytes", "0"),   CONST("tx_dropped", "0"),
    CONST("tx_errors", "0"),  CONST("tx_packets", "0"), PSEUDO_END,
};

static const struct pseudo_node lo_table[] = {
    CONST("addr_len", "6"),
    CONST("address", "00:00:00:00:00:00"),
    CONST("broadcast", "00:00:00:00:00:00"),
    CONST("carrier", "1"),
    CONST("flags", "0x9"),
    CONST("ifindex", "1"),
    CONST("iflink", "1"),
    CONST("link_mode", "0"),
    CONST("mtu", "65536"),
    CONST("operstate", "unknown"),
    DIR("statistics", lo_statistics_table),
    CONST("tx_queue_len", "1000"),
    CONST("type", "772"),
    CONST("uevent", "INTERFACE=lo\nIFINDEX=1"),
    PSEUDO_END,
};

static const struct pseudo_node virtual_net_table[] = {DIR("lo", lo_table), PSEUDO_END};
static const struct pseudo_node virtual_table[] = {DIR("net", virtual_net_table), PSEUDO_END};
static const struct pseudo_node devices_table[] = {
    DIR("system", dev_system_table),
    DIR("virtual", virtual_table),
    PSEUDO_END,
};
static const struct pseudo_node class_net_table[] = {
    PSEUDO_LINK("lo", "../../devices/virtual/net/lo"),
    PSEUDO_END,
};
static const struct pseudo_node class_table[] = {
    DIR("block", empty_table),
    DIR("net", class_net_table),
    DIR("tty", empty_table),
    PSEUDO_END,
};
static const struct pseudo_node dev_table[] = {
    DIR("block", empty_table),
    DIR("char", empty_table),
    PSEUDO_END,
};
static const struct pseudo_node bus_table[] = {PSEUDO_END};

static const struct pseudo_node thp_table[] = {
    CONST("defrag", "always defer defer+madvise [madvise] never"),
    CONST("enabled", "always [madvise] never"),
    CONST("hpage_pmd_size", "2097152"),
    CONST("shmem_enabled", "always within_size advise [never] deny force"),
    CONST("use_zero_page", "1"),
    PSEUDO_END,
};
static const struct pseudo_node mm_table[] = {
    DIR("hugepages", empty_table),
    DIR("transparent_hugepage", thp_table),
    PSEUDO_END,
};
static const struct pseudo_node kernel_table[] = {
    DIR("mm", mm_table),
    DIR("debug", empty_table),
    DIR("security", empty_table),
    CONST("uevent_seqnum", "0"),
    PSEUDO_END,
};
static const struct pseudo_node fs_table[] = {
    DIR("cgroup", empty_table), /* cgroup2 is mounted here */
    PSEUDO_END,
};
static const struct pseudo_node root_table[] = {
    DIR("block", empty_table),
    DIR("bus", bus_table),
    DIR("class", class_table),
    DIR("dev", dev_table),
    DIR("devices", devices_table),
    DIR("firmware", empty_table),
    DIR("fs", fs_table),
    DIR("kernel", kernel_table),
    DIR("module", empty_table),
    DIR("power", empty_table),
    PSEUDO_END,
};
static const struct pseudo_node root_node = {
    .name = "/", .mode = S_IFDIR | 0555, .child = root_table};

struct super *sysfs_new(void) { return pseudo_super("sysfs", SYSFS_MAGIC_, &root_node); }
