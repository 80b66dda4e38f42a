/* The system in numbers: memory, load, processes; what /proc/meminfo, /proc/loadavg,
 * /proc/stat and sysinfo(2) have in common. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/sysinfo.h>

#include "procfs.h"
#include "syscalls_gen.h"
#include "usercopy.h"

long host_text(const char *uri, char *buf, size_t len)
{
    struct host_iovec v;
    size_t done = 0;
    long handle = host_open(uri, O_RDONLY, 0, NULL), n = 0;

    if (handle < 0)
        return handle;
    while (done < len - 1) {
        v = (struct host_iovec){buf + done, len - 1 - done};
        n = host_read((int)handle, &v, 1, done, 0);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    host_close((int)handle);
    buf[done] = 0;
    return n < 0 ? n : (long)done;
}

/* The number after "name:" in a text like /proc/meminfo, or `otherwise`. */
static u64 number_after(const char *text, const char *name, u64 otherwise)
{
    const char *at = strstr(text, name), *end;

    if (!at)
        return otherwise;
    for (at += strlen(name); *at == ' ' || *at == '\t'; at++)
        ;
    return parse_u64(at, &end, 10);
}

static u64 programs_memory(void)
{
    struct process *proc;
    struct mem_use use;
    u64 sum = 0;
    s32 pid = 0;

    while ((proc = process_next(pid)) != NULL) {
        struct pseudo p = {.pid = proc->pid, .start = proc->start_ns};

        pid = proc->pid;
        process_put(proc);
        proc_mem_use(&p, &use);
        sum += use.anon;
    }
    return sum;
}

/* What the host could still give, asked at most every 50 ms: tools read several files in a
 * row. */
static u64 host_available(u64 otherwise)
{
    static u64 asked, value; /* torn reads are harmless */
    u64 now = now_mono();
    char *text;

    if (now - READ_ONCE(asked) < 50 * 1000000UL)
        return READ_ONCE(value);
    text = kmalloc(2 * PAGE_SIZE);
    if (text && host_text("host:meminfo", text, 2 * PAGE_SIZE) > 0)
        otherwise = number_after(text, "MemAvailable:", otherwise >> 10) << 10;
    kfree(text);
    WRITE_ONCE(value, otherwise);
    WRITE_ONCE(asked, now);
    return otherwise;
}

/* Under a memory limit the sandbox is all there is; without one it has what the host has. */
void system_memory(struct mem_info *m)
{
    u64 limit = boot()->memory_limit, used;

    *m = (struct mem_info){.total = boot()->memory_total};
    m->anon = programs_memory();
    m->shmem = pool_used();
    m->slab = kalloc_used();
    used = m->anon + m->shmem + m->slab;
    if (limit && limit < m->total)
        m->total = limit;
    m->free = used < m->total ? m->total - used : 0;
    if (!limit)
        m->free = MIN(m->free, host_available(m->free));
}

u32 count_processes(u32 *threads, u32 *running)
{
    struct process *proc;
    struct thread *t;
    u32 n = 0;
    s32 pid = 0;

    *threads = *running = 0;
    while ((proc = process_next(pid)) != NULL) {
        pid = proc->pid;
        n++;
        lock(&proc->lock);
        list_for_each(t, &proc->threads, link)
        {
            ++*threads;
            *running += proc_state(proc, t) == 'R';
        }
        unlock(&proc->lock);
        process_put(proc);
    }
    return n;
}

/* "0.04 0.03" -> load in 1/65536. */
static u64 load_fixed(const char **s)
{
    const char *end;
    u64 whole = parse_u64(*s, &end, 10), part = 0;

    if (*end == '.')
        part = parse_u64(end + 1, &end, 10);
    while (*end == ' ')
        end++;
    *s = end;
    return (whole << 16) + (part << 16) / 100;
}

long sys_sysinfo(uptr info)
{
    struct sysinfo si;
    struct mem_info m;
    u32 threads, running;
    char load[64];
    const char *s = load;
    int i;

    memset(&si, 0, sizeof(si));
    system_memory(&m);
    count_processes(&threads, &running);
    si.uptime = (long)(now_boot() / NSEC);
    if (host_text("host:loadavg", load, sizeof(load)) > 0)
        for (i = 0; i < 3; i++)
            si.loads[i] = load_fixed(&s);
    si.totalram = m.total;
    si.freeram = m.free;
    si.sharedram = m.shmem;
    si.procs = (u16)MIN(threads, 65535u);
    si.mem_unit = 1;
    return copy_to_user(info, &si, sizeof(si));
}
