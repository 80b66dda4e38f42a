/* `bailey check`: can this host run sandboxes, and with how much of the second wall? */
#include <elf.h>
#include <errno.h>
#include <linux/openat2.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/platform/x86.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <asm/hwcap2.h>
#include <unistd.h>
#include <fcntl.h>

#include "filter.h"
#include "landlock.h"
#include "monitor.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define ARCH_GET_CPUID 0x1011
#define ARCH_SET_CPUID 0x1012

struct report {
    FILE *out;
    bool usable;
};

static void line(struct report *r, bool ok, bool needed, const char *what, const char *why)
{
    const char *state = ok ? "ok" : needed ? "MISSING" : "absent";

    fprintf(r->out, "%-8s %-34s %s\n", state, what, ok ? "" : why);
    if (!ok && needed)
        r->usable = false;
}

/* Runs a probe in a child, because what it tries cannot be undone.  Its return value
 * is an errno, 0 for "works". */
static int in_child(int (*probe)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(probe());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return EIO;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return 0; /* the filter at work: it does not let the child end by itself */
    if (!WIFEXITED(status))
        return EIO;
    return WEXITSTATUS(status);
}

static int probe_filter(void)
{
    static struct filter_program p;
    struct sock_fprog program;
    struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};

    filter_build(&p);
    program = (struct sock_fprog){1, allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                      &program);
    if (fd < 0)
        return errno;
    /* Of a call nobody waits for; a kernel that knows SEND says so. */
    struct seccomp_notif_addfd add = {.id = 1, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = 0};
    if (ioctl((int)fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno != ENOENT)
        return errno;
    program = (struct sock_fprog){p.length, p.code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

static int probe_user_namespace(void) { return unshare(CLONE_NEWUSER) < 0 ? errno : 0; }

static int probe_cpuid_fault(void)
{
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0 ? errno : 0;
}

static bool kernel_at_least(int major, int minor, char *release, size_t size)
{
    struct utsname name;
    int a = 0, b = 0;

    uname(&name);
    snprintf(release, size, "Linux %.40s, 6.0 is needed", name.release);
    sscanf(name.release, "%d.%d", &a, &b);
    return a > major || (a == major && b >= minor);
}

static bool openat2_works(void)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

/* Does the host's vDSO tell the time by itself?  With the system call refused, a clock
 * source that needs it shows. */
static int probe_clock(void)
{
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(refuse) / sizeof(refuse[0]), refuse};
    struct timespec now;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return errno;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? 0 : errno;
}

/* May we make a control group below our own? */
static bool cgroup_delegated(void)
{
    char text[4096], path[4400];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool ok = false;

    while (file && fgets(text, sizeof(text), file)) {
        if (strncmp(text, "0::", 3) != 0)
            continue;
        text[strcspn(text, "\n")] = 0;
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", text + 3);
        ok = access(path, W_OK) == 0;
    }
    if (file)
        fclose(file);
    return ok;
}

int monitor_check(FILE *out)
{
    struct report r = {out, true};
    char release[96];

    line(&r, kernel_at_least(6, 0, release, sizeof(release)), true, "kernel 6.0 or newer", release);
    int rc = in_child(probe_filter);
    line(&r, rc == 0, true, "seccomp filter with notification", strerror(rc));
    line(&r, getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE, true, "FSGSBASE instructions",
         "the CPU or the kernel (nofsgsbase) does not offer them");
    line(&r, CPU_FEATURE_PRESENT(OSXSAVE), true, "XSAVE",
         "the CPU or the kernel does not save extended state");
    line(&r, openat2_works(), true, "openat2", "paths cannot be kept below a directory");
    line(&r, access("/proc/self/exe", R_OK) == 0, true, "/proc", "not mounted");
    rc = in_child(probe_clock);
    line(&r, rc == 0, true, "clock readable from user code", strerror(rc));
    rc = in_child(probe_cpuid_fault);
    line(&r, rc == 0, false, "CPUID faulting",
         "programs see this CPU's features as they are; fine unless moved to another");
    line(&r, landlock_abi() > 0, false, "Landlock", "the second wall is missing; the filter holds");
    rc = in_child(probe_user_namespace);
    line(&r, rc == 0, false, "user namespaces", strerror(rc));
    line(&r, cgroup_delegated(), false, "control group of our own",
         "limits are kept by the library OS, the monitor and what the kernel has per process");
    fprintf(out, r.usable ? "This host can run sandboxes.\n" : "This host cannot run sandboxes.\n");
    return r.usable ? 0 : 1;
}
