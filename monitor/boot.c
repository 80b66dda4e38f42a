/* Fills struct boot_info at the start of the segment, before the first host process of
 * the sandbox exists.  Everything here is on the path of every start: only what the
 * inside cannot ask for later, and nothing that reads large files of /proc.
 */
#include "sandbox.h"

#include <asm/hwcap2.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/platform/x86.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../abi/gate.h"
#include "../abi/host_abi.h"
#include "../abi/layout.h"
#include "resources.h"
#include "serve.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* ---- strings ---------------------------------------------------------------- */

struct writer {
    struct boot_info *boot;
    size_t used;
    bool full;
};

static uint32_t put(struct writer *w, const char *text)
{
    size_t size = strlen(text) + 1;
    uint32_t at = (uint32_t)w->used;

    if (size > BOOT_OPENED - w->used) {
        w->full = true;
        return 0;
    }
    memcpy((uint8_t *)w->boot + at, text, size);
    w->used += size;
    return at;
}

static struct boot_strings put_list(struct writer *w, const char *const *list)
{
    struct boot_strings strings = {(uint32_t)w->used, 0};

    for (; list && list[strings.count]; strings.count++)
        put(w, list[strings.count]);
    return strings;
}

/* ---- the host's vDSO --------------------------------------------------------- */

/* vvar pages and vDSO lie one after the other; the maps file says where they begin. */
static void find_vdso(struct boot_vdso *vdso)
{
    uint64_t image = getauxval(AT_SYSINFO_EHDR), start, end, low = UINT64_MAX, high = 0;
    FILE *maps = image ? fopen("/proc/self/maps", "re") : NULL;
    char line[512];

    while (maps && fgets(line, sizeof(line), maps)) {
        if ((!strstr(line, "[vvar") && !strstr(line, "[vdso]")) ||
            sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
            continue;
        low = start < low ? start : low;
        high = end > high ? end : high;
    }
    if (maps)
        fclose(maps);
    if (high > low && high - low <= 0x100000)
        *vdso = (struct boot_vdso){low, high - low, image - low, 0, 0};
}

/* A fork does not move it. */
const struct boot_vdso *host_vdso(void)
{
    static struct boot_vdso vdso;

    if (!vdso.size)
        find_vdso(&vdso);
    return &vdso;
}

/* What CPUID answers, where the program is shown less than the CPU has. */
static void put_cpu_leaves(struct writer *w, const struct sandbox_config *c)
{
    size_t size = c->cpu_leaf_count * sizeof(*c->cpu_leaves);
    size_t at = (w->used + 7) & ~7UL;

    if (size > BOOT_OPENED - at) {
        w->full = true;
        return;
    }
    w->boot->cpu_leaves = (uint32_t)at;
    w->boot->cpu_leaf_count = c->cpu_leaf_count;
    if (size)
        memcpy((uint8_t *)w->boot + at, c->cpu_leaves, size);
    w->used = at + size;
}

/* ---- the machine -------------------------------------------------------------- */

/* Of a level, only its registers are part of what is saved: a CPU with others can go on. */
static void limit_registers(struct boot_info *b, const struct sandbox_config *c)
{
    for (uint32_t i = 0; i < c->cpu_leaf_count; i++)
        if (c->cpu_leaves[i].leaf == 0xd && c->cpu_leaves[i].subleaf == 0) {
            b->xcr0 &= c->cpu_leaves[i].eax;
            b->xsave_size = c->cpu_leaves[i].ebx;
        }
}

/* Asked of what the C library knows already: CPUID is slow in virtual machines. */
static int check_cpu(struct sandbox *s)
{
    if (CPU_FEATURE_PRESENT(OSXSAVE) && getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)
        return 0;
    error_set(s->err, 0, "this CPU or kernel lacks XSAVE or FSGSBASE");
    return error_hint(s->err, "`bailey check` tells what this host lacks");
}

static void fill_cpu(struct boot_info *b, struct writer *w, const struct sandbox_config *c)
{
    unsigned eax, ebx, ecx, edx, low, high;
    cpu_set_t cpus;
    char online[32];

    __cpuid_count(0xd, 0, eax, ebx, ecx, edx);
    b->xsave_size = ebx;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    b->xcr0 = (uint64_t)high << 32 | low;
    limit_registers(b, c);
    b->hwcap = getauxval(AT_HWCAP);
    b->hwcap2 = getauxval(AT_HWCAP2);
    b->minsigstksz = getauxval(AT_MINSIGSTKSZ);
    b->clktck = getauxval(AT_CLKTCK);
    b->ncpu = 1;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        b->ncpu = (uint32_t)CPU_COUNT(&cpus);
    snprintf(online, sizeof(online), b->ncpu > 1 ? "0-%u" : "0", b->ncpu - 1);
    b->cpu_online = put(w, online);
}

static void fill_host(struct boot_info *b, struct writer *w)
{
    struct utsname name;
    struct sysinfo info;

    uname(&name);
    b->kernel_release = put(w, name.release);
    b->kernel_version = put(w, name.version);
    sysinfo(&info);
    b->memory_total = (uint64_t)info.totalram * info.mem_unit;
    for (int i = 0; i < 16; i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)i, &limit) < 0)
            limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
        b->rlimits[i][0] = limit.rlim_cur;
        b->rlimits[i][1] = limit.rlim_max;
    }
}

/* ---- what the sandbox is given ------------------------------------------------- */

static void fill_stdio(const struct sandbox *s, struct boot_info *b)
{
    for (int fd = 0; fd < 3; fd++) {
        struct boot_stream *stream = &b->stdio[fd];
        struct stat st;
        if (s->stdio_closed[fd] || fstat(fd, &st) < 0) {
            *stream = (struct boot_stream){.handle = -1};
            continue;
        }
        stream->handle = GATE_FD_STDIN + fd;
        stream->type = (st.st_mode & S_IFMT) >> 12;
        if (stream->type == HOST_CHAR && isatty(fd)) {
            stream->type = HOST_TTY;
            if (fd == 0)
                b->flags |= BOOT_TTY_STDIN;
        }
        stream->flags = (uint32_t)fcntl(fd, F_GETFL);
        stream->ino = st.st_ino;
        stream->dev = st.st_dev;
        stream->rdev = st.st_rdev;
        stream->mode = st.st_mode;
    }
}

int boot_fill_own(struct sandbox *s, struct boot_info *b)
{
    struct timespec now;

    fill_stdio(s, b);
    clock_gettime(CLOCK_BOOTTIME, &now);
    b->host_boottime_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (getrandom(b->seed, sizeof(b->seed), 0) != sizeof(b->seed) ||
        getrandom(b->boot_id, sizeof(b->boot_id), 0) != sizeof(b->boot_id))
        return error_set(s->err, errno, "host randomness");
    return 0;
}

static void fill_mounts(const struct sandbox *s, struct boot_info *b, struct writer *w)
{
    for (uint32_t i = 0; i < s->export_count; i++) {
        const struct export *ex = &s->exports[i];
        struct boot_mount *mount = &b->mounts[i];
        mount->index = i;
        mount->guest = put(w, ex->guest);
        mount->source = put(w, ex->source);
        mount->flags = (ex->read_only && !ex->overlay ? BOOT_MOUNT_READONLY : 0) |
                       (i == 0 ? BOOT_MOUNT_ROOT : 0) | (ex->file ? BOOT_MOUNT_FILE : 0) |
                       (ex->cache ? BOOT_MOUNT_CACHE : 0) | (ex->overlay ? BOOT_MOUNT_OVERLAY : 0) |
                       (ex->device ? BOOT_MOUNT_DEVICE : 0);
        struct statx st;
        if (!ex->file &&
            statx(ex->dir, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) == 0)
            attr_from_statx(&mount->attr, &st);
    }
    b->nmounts = s->export_count;
}

uint32_t boot_flags(const struct sandbox_config *c)
{
    return (c->read_only ? BOOT_READ_ONLY : 0) | (c->trace_fd >= 0 ? BOOT_TRACE : 0) |
           (c->diff_fd >= 0 ? BOOT_DIFF : 0) | (c->diff_list ? BOOT_DIFF_LIST : 0) |
           (c->no_rewrite ? BOOT_NO_REWRITE : 0) | (c->stats ? BOOT_STATS : 0) |
           (c->started ? BOOT_TELL_STARTED : 0) | (c->save_on_exit ? BOOT_SAVE_EXIT : 0) |
           (c->hold ? BOOT_HOLD : 0);
}

int boot_prepare(struct sandbox *s)
{
    struct boot_info *b = calloc(1, BOOT_SIZE);
    const size_t size = sizeof(*b) + s->export_count * sizeof(b->mounts[0]); /* not the strings */

    s->fresh = b ? malloc(size) : NULL;
    int rc = s->fresh ? boot_fill(s, b) : error_set(s->err, ENOMEM, "resume");
    if (rc == 0)
        memcpy(s->fresh, b, size);
    free(b);
    return rc;
}

int boot_fill(struct sandbox *s, struct boot_info *b)
{
    const struct sandbox_config *c = s->config;
    struct writer w = {b, sizeof(*b) + s->export_count * sizeof(b->mounts[0]), false};

    if (check_cpu(s) < 0)
        return -1;
    b->magic = BOOT_MAGIC;
    b->version = BOOT_VERSION;
    b->flags = boot_flags(c);
    b->argv = put_list(&w, c->argv);
    b->envp = put_list(&w, c->envp);
    b->exe = put(&w, c->argv[0]);
    b->cwd = put(&w, s->cwd);
    b->hostname = put(&w, c->hostname ? c->hostname : "bailey");
    snprintf(b->new_hostname, sizeof(b->new_hostname), "%s", c->hostname ? c->hostname : "");
    b->uid = c->uid;
    b->host_uid = getuid();
    b->host_gid = getgid();
    b->gid = c->gid;
    b->umask = c->umask;
    b->memory_limit = c->memory_limit;
    b->pids_max = c->pids_max;
    fill_mounts(s, b, &w);
    b->net_flags = c->net_flags;
    b->net_address = c->net_address;
    for (; b->nports < c->net_port_count && b->nports < BOOT_PORTS_MAX; b->nports++)
        b->ports[b->nports] = c->net_ports[b->nports];
    b->trace_handle = c->trace_fd >= 0 ? GATE_FD_TRACE : -1;
    b->diff_handle = c->diff_fd >= 0 ? GATE_FD_DIFF : -1;
    b->poll_handle = GATE_FD_POLL;
    b->probe_handle = GATE_FD_PROBE;
    b->kick_handle = GATE_FD_KICK;
    b->seg_handle = GATE_FD_SEGMENT;
    b->pool_handle = GATE_FD_POOL;
    fill_cpu(b, &w, c);
    s->xsave_size = b->xsave_size;
    s->xcr0 = b->xcr0;
    put_cpu_leaves(&w, c);
    fill_host(b, &w);
    limits_tell(c, b);
    b->vdso = *host_vdso();
    b->size = w.used;
    if (w.full) {
        s->err->exit_code = MONITOR_EXIT_NOT_EXEC;
        return error_set(s->err, E2BIG, "arguments and environment");
    }
    return 0;
}
