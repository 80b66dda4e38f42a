/* The machine as a program sees it: names, memory, load, processors, scheduling. */
#include <linux/personality.h>
#include <linux/capability.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"

#define EPERM        1
#define ESRCH        3
#define E2BIG        7
#define EACCES       13
#define EFAULT       14
#define EINVAL       22
#define ENAMETOOLONG 36

static struct lock name_lock;
static char hostname[65], domainname[65];

static const char *boot_text(u32 offset, const char *otherwise)
{
    return offset ? (const char *)(SEG_BASE + offset) : otherwise;
}

static const char *host_name(void)
{
    return hostname[0] ? hostname : boot_text(boot()->hostname, "bailey");
}

long sys_uname(uptr to)
{
    struct new_utsname u = {"Linux", "", "", "", "x86_64", "(none)"};

    if ((current()->personality & PER_MASK) == PER_LINUX32)
        strlcpy(u.machine, "i686", sizeof(u.machine));
    lock(&name_lock);
    strlcpy(u.nodename, host_name(), sizeof(u.nodename));
    if (domainname[0])
        strlcpy(u.domainname, domainname, sizeof(u.domainname));
    unlock(&name_lock);
    strlcpy(u.release, boot_text(boot()->kernel_release, "6.1.0"), sizeof(u.release));
    strlcpy(u.version, boot_text(boot()->kernel_version, "#1 SMP"), sizeof(u.version));
    return copy_to_user(to, &u, sizeof(u));
}

static long store_name(char *which, const char *text, size_t len)
{
    char name[65] = {0};

    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (len > 64)
        return -EINVAL;
    memcpy(name, text, len);
    lock(&name_lock);
    memcpy(which, name, sizeof(name));
    unlock(&name_lock);
    return 0;
}

static long set_name(char *which, uptr from, size_t len)
{
    char name[65];

    if (len <= 64 && capable(CAP_SYS_ADMIN) && copy_from_user(name, from, len))
        return -EFAULT;
    return store_name(which, name, len);
}

void system_rename(const char *name) { strlcpy(hostname, name, sizeof(hostname)); }
long system_set_hostname(const char *name, size_t len) { return store_name(hostname, name, len); }
long system_set_domainname(const char *name, size_t len)
{
    return store_name(domainname, name, len);
}

long sys_sethostname(uptr name, size_t len) { return set_name(hostname, name, len); }
long sys_setdomainname(uptr name, size_t len) { return set_name(domainname, name, len); }
const char *system_hostname(void) { return host_name(); }
const char *system_domainname(void) { return domainname[0] ? domainname : "(none)"; }

/* ---- processors and scheduling ---------------------------------------------------- */

struct thread *find_thread(int pid, struct process **owner)
{
    struct thread *t = NULL;

    *owner = NULL;
    if (pid < 0)
        return NULL;
    if (pid == 0)
        return current();
    *owner = process_of_tid(pid);
    if (*owner) {
        lock(&(*owner)->lock);
        t = thread_find(*owner, pid);
        unlock(&(*owner)->lock);
    }
    return t;
}

void put_owner(struct process *p)
{
    if (p)
        process_put(p);
}

static void all_cpus(u64 *mask)
{
    memset(mask, 0, 16 * sizeof(u64));
    for (u32 i = 0; i < boot()->ncpu && i < 1024; i++)
        mask[i / 64] |= 1UL << (i % 64);
}

long sys_sched_getaffinity(int pid, u32 len, uptr to)
{
    struct process *owner;
    struct thread *t = find_thread(pid, &owner);
    u64 mask[16];
    size_t need = ALIGN_UP((boot()->ncpu + 7) / 8, 8);
    bool set = false;

    if (!t) {
        put_owner(owner);
        return -ESRCH;
    }
    all_cpus(mask);
    for (int i = 0; i < 16; i++)
        set |= t->affinity[i] != 0;
    if (set)
        memcpy(mask, t->affinity, sizeof(mask));
    put_owner(owner);
    if (len < need || (len & 7))
        return -EINVAL;
    len = MIN(len, (u32)need);
    return copy_to_user(to, mask, len) ? -EFAULT : (long)len;
}

static long set_cpus(struct thread *t, const u64 *mask)
{
    u64 valid[16];
    bool any = false;

    if (!may_schedule(t))
        return -EPERM;
    all_cpus(valid);
    for (int i = 0; i < 16; i++) {
        valid[i] &= mask[i];
        any |= valid[i] != 0;
    }
    if (any)
        memcpy(t->affinity, valid, sizeof(valid));
    return any ? 0 : -EINVAL;
}

/* Remembered and shown; host threads run where the host puts them. */
long sys_sched_setaffinity(int pid, u32 len, uptr from)
{
    struct process *owner;
    struct thread *t;
    u64 mask[16] = {0};
    long rc;

    if (copy_from_user(mask, from, MIN(len, (u32)sizeof(mask))))
        return -EFAULT;
    t = find_thread(pid, &owner);
    rc = t ? set_cpus(t, mask) : -ESRCH;
    put_owner(owner);
    return rc;
}

long sys_getcpu(uptr cpu, uptr node, uptr unused)
{
    u32 aux, lo, hi;

    __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
    if ((cpu && put_user((u32)(aux & 0xfff), cpu)) || (node && put_user((u32)(aux >> 12), node)))
        return -EFAULT;
    return 0;
}

/* A host thread has no yield in the contract; a waiter that is about to be woken gets
 * the processor from the shortest sleep the host has. */
long sys_sched_yield(void)
{
    u32 word = 0;

    host_wait(&word, 0, 1);
    return 0;
}

long sys_personality(u32 persona)
{
    struct thread *t = current();
    u32 old = t->personality;

    if (persona != 0xffffffff)
        t->personality = persona;
    return (long)old;
}
long sys_vhangup(void) { return -EPERM; }
long sys_iopl(u32 level) { return -EPERM; }
long sys_ioperm(u64 from, u64 num, int on) { return -EPERM; }
long sys_reboot(int m1, int m2, u32 cmd, uptr arg) { return -EPERM; }
long sys_syslog(int type, uptr buf, int len) { return type == 10 /* size */ ? 0 : -EPERM; }
long sys_acct(uptr name) { return -EPERM; }
long sys_swapon(uptr path, int flags) { return -EPERM; }
long sys_swapoff(uptr path) { return -EPERM; }
long sys_init_module(uptr image, size_t len, uptr args) { return -EPERM; }
long sys_finit_module(int fd, uptr args, int flags) { return -EPERM; }
long sys_delete_module(uptr name, u32 flags) { return -EPERM; }
long sys_kexec_load(u64 entry, u64 n, uptr segments, u64 flags) { return -EPERM; }
long sys_bpf(int cmd, uptr attr, u32 size) { return -EPERM; }
long sys_perf_event_open(uptr attr, int pid, int cpu, int group, u64 flags) { return -EACCES; }
