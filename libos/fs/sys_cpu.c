/* /sys/devices/system/cpu/cpuN: topology and caches.
 *
 * Every CPU is shown as a core of its own in one package: that is what the scheduler
 * gives a sandbox.  Caches are what the processor says about itself. */
#include <linux/errno.h>

#include "cpu.h"
#include "procfs.h"
#include "sysfs.h"

void sys_cpu_mask(struct textbuf *b, u32 from, u32 to)
{
    u32 groups = (boot()->ncpu + 31) / 32, g;

    for (g = groups; g-- > 0;) {
        u32 bits = 0, i;

        for (i = 0; i < 32; i++)
            if (g * 32 + i >= from && g * 32 + i < to)
                bits |= 1u << i;
        if (g == groups - 1)
            text_add(b, "%x", bits);
        else
            text_add(b, ",%08x", bits);
    }
    text_add(b, "\n");
}

/* ---- topology: arg 0: this CPU, 1: all CPUs ------------------------------------------------ */

static long show_mask(const struct pseudo *p, struct textbuf *b)
{
    if (p->node->arg)
        sys_cpu_mask(b, 0, boot()->ncpu);
    else
        sys_cpu_mask(b, (u32)p->key, (u32)p->key + 1);
    return 0;
}

static long show_list(const struct pseudo *p, struct textbuf *b)
{
    if (p->node->arg)
        text_add(b, boot()->ncpu > 1 ? "0-%u\n" : "0\n", boot()->ncpu - 1);
    else
        text_add(b, "%lu\n", p->key);
    return 0;
}

static long show_number(const struct pseudo *p, struct textbuf *b)
{
    text_add(b, "%lu\n", p->key);
    return 0;
}

#define SETS(name, all)                                                                            \
    PSEUDO_SHOW_ARG(name, show_mask, all), PSEUDO_SHOW_ARG(name "_list", show_list, all)

static const struct pseudo_node topology_table[] = {
    SETS("core_cpus", 0),
    PSEUDO_SHOW("core_id", show_number),
    SETS("core_siblings", 1),
    SETS("die_cpus", 1),
    PSEUDO_TEXT("die_id", "0\n"),
    SETS("package_cpus", 1),
    PSEUDO_TEXT("physical_package_id", "0\n"),
    SETS("thread_siblings", 0),
    PSEUDO_END,
};

/* ---- caches -----------------------------------------------------------------------------------
 */

struct cache {
    u32 type, level, line, parts, ways, sets; /* type 1 data, 2 instruction, 3 unified; 0 none */
};

static struct cache cache_of(u32 index)
{
    u32 leaf = 4;
    struct cache e = {0};
    struct cpuid r = cpuid_read(0, 0);

    if (r.ebx == 0x68747541 || r.ebx == 0x6f677948) /* "Auth", "Hygo": AMD's leaf */
        leaf = 0x8000001d;
    else if (r.eax < 4)
        return e;
    if (leaf != 4 && cpuid_read(0x80000000, 0).eax < leaf)
        return e;
    r = cpuid_read(leaf, index);
    e.type = r.eax & 31;
    if (!e.type)
        return e;
    e.level = r.eax >> 5 & 7;
    e.line = (r.ebx & 0xfff) + 1;
    e.parts = (r.ebx >> 12 & 0x3ff) + 1;
    e.ways = (r.ebx >> 22) + 1;
    e.sets = r.ecx + 1;
    return e;
}

/* The cache's number is in the upper half of the key, the CPU's in the lower. */
static u32 cache_index(const struct pseudo *p) { return (u32)(p->key >> 32); }

enum {
    CACHE_LINE,
    CACHE_ID,
    CACHE_LEVEL,
    CACHE_SETS,
    CACHE_PARTS,
    CACHE_SIZE,
    CACHE_TYPE,
    CACHE_WAYS,
    CACHE_MAP,
    CACHE_LIST
};

static long show_cache(const struct pseudo *p, struct textbuf *b)
{
    static const char *const types[] = {"Null", "Data", "Instruction", "Unified"};
    struct cache c = cache_of(cache_index(p));
    u32 cpu = (u32)p->key, all = c.level >= 3;

    switch (p->node->arg) {
    case CACHE_LINE:
        text_add(b, "%u\n", c.line);
        break;
    case CACHE_ID:
        text_add(b, "%u\n", all ? 0 : cpu);
        break;
    case CACHE_LEVEL:
        text_add(b, "%u\n", c.level);
        break;
    case CACHE_SETS:
        text_add(b, "%u\n", c.sets);
        break;
    case CACHE_PARTS:
        text_add(b, "%u\n", c.parts);
        break;
    case CACHE_SIZE:
        text_add(b, "%luK\n", (u64)c.line * c.parts * c.ways * c.sets >> 10);
        break;
    case CACHE_TYPE:
        text_add(b, "%s\n", types[c.type & 3]);
        break;
    case CACHE_WAYS:
        text_add(b, "%u\n", c.ways);
        break;
    case CACHE_MAP:
        sys_cpu_mask(b, all ? 0 : cpu, all ? boot()->ncpu : cpu + 1);
        break;
    default:
        if (!all)
            text_add(b, "%u\n", cpu);
        else
            text_add(b, boot()->ncpu > 1 ? "0-%u\n" : "0\n", boot()->ncpu - 1);
    }
    return 0;
}

static const struct pseudo_node one_cache_table[] = {
    PSEUDO_SHOW_ARG("coherency_line_size", show_cache, CACHE_LINE),
    PSEUDO_SHOW_ARG("id", show_cache, CACHE_ID),
    PSEUDO_SHOW_ARG("level", show_cache, CACHE_LEVEL),
    PSEUDO_SHOW_ARG("number_of_sets", show_cache, CACHE_SETS),
    PSEUDO_SHOW_ARG("physical_line_partition", show_cache, CACHE_PARTS),
    PSEUDO_SHOW_ARG("shared_cpu_list", show_cache, CACHE_LIST),
    PSEUDO_SHOW_ARG("shared_cpu_map", show_cache, CACHE_MAP),
    PSEUDO_SHOW_ARG("size", show_cache, CACHE_SIZE),
    PSEUDO_SHOW_ARG("type", show_cache, CACHE_TYPE),
    PSEUDO_SHOW_ARG("ways_of_associativity", show_cache, CACHE_WAYS),
    PSEUDO_END,
};
static const struct pseudo_node index_node = {
    .name = "indexN", .mode = S_IFDIR | 0755, .child = one_cache_table};

static long cache_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    const char *end;
    u64 n;

    if (strncmp(name, "index", 5) || name[5] < '0' || name[5] > '9')
        return -ENOENT;
    n = parse_u64(name + 5, &end, 10);
    if (*end || n > 15 || !cache_of((u32)n).type)
        return -ENOENT;
    out->node = &index_node;
    out->key = dir->key | n << 32;
    return 0;
}

static bool cache_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                       struct pseudo *out)
{
    if (*cursor > 15 || !cache_of((u32)*cursor).type)
        return false;
    out->node = &index_node;
    out->key = dir->key | *cursor << 32;
    snprintf(name, PSEUDO_NAME, "index%lu", (*cursor)++);
    return true;
}

static const struct pseudo_dir cache_dir = {cache_lookup, cache_next};
static const struct pseudo_node no_table[] = {PSEUDO_END};

const struct pseudo_node sys_one_cpu_table[] = {
    {.name = "cache", .mode = S_IFDIR | 0755, .child = no_table, .dir = &cache_dir},
    PSEUDO_LINK("node0", "../../node/node0"),
    PSEUDO_TEXT("online", "1\n"),
    {.name = "topology", .mode = S_IFDIR | 0755, .child = topology_table},
    PSEUDO_END,
};
