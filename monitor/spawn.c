/* Makes the memory objects and the first host process of a sandbox.
 *
 * The child is a plain copy of the monitor (no exec): it turns itself into a picoprocess
 * by mapping what the layout says and dropping what it inherited; only the image's text is
 * mapped before, once for all that are split off.  Once the filter is in place it jumps into
 * the image, which waits there for boot_info, filled by the monitor meanwhile, and sends it the
 * filter's listener.  A child that fails says where on the same socket.
 *
 * Death of the monitor: PR_SET_PDEATHSIG covers the first host process; the lifeline, a
 * pipe whose only write end the monitor has, makes the kernel send SIGKILL to the whole
 * process group when it is closed, which covers those forked later (nobody inside can
 * leave the group or close the read end; abi/gate.h says why there are two of it).
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../abi/layout.h"
#include "filter.h"
#include "image.h"
#include "landlock.h"
#include "lockdown.h"
#include "memory_file.h"
#include "packet.h"
#include "resources.h"
#include "save.h"
#include "serve.h"

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#define NOTIF_SYNC_WAKE 1UL

#define NOBODY          65534

/* What the child could not do. */
struct failure {
    char what[32];
    int error;
};

/* What the child needs; it must not allocate. */
struct plan {
    struct sandbox *s;
    int lifeline_read, report;
    bool mapped; /* the image's text, here */
    pid_t monitor;
    struct image image;
    struct filter_program filter;
};

/* ---- objects, in the monitor --------------------------------------------------- */

static int memory_object(const char *name, uint64_t size, unsigned flags)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

    if (fd < 0 && flags)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    /* Sealed: no one can shrink it under the monitor's feet. */
    if (ftruncate(fd, (off_t)size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int memory_objects_make(int *segment_fd, int *pool_fd)
{
    struct rlimit size, most;

    /* The objects count as files; what the program may write does not change by this. */
    getrlimit(RLIMIT_FSIZE, &size);
    most = (struct rlimit){size.rlim_max, size.rlim_max};
    setrlimit(RLIMIT_FSIZE, &most);
    *segment_fd = memory_object("bailey-segment", SEG_SIZE, MFD_EXEC);
    *pool_fd = memory_object("bailey-pool", POOL_SIZE, MFD_EXEC);
    int error = errno;
    setrlimit(RLIMIT_FSIZE, &size);
    errno = error;
    return *segment_fd < 0 || *pool_fd < 0 ? -1 : 0;
}

static int make_memory(struct sandbox *s)
{
    const struct memory_source *from = s->config->resume;

    if (from && from->ready && from->segment_fd >= 0) {
        s->segment_fd = from->segment_fd;
        s->pool_fd = from->pool_fd;
    } else if (memory_objects_make(&s->segment_fd, &s->pool_fd) < 0) {
        int error = errno;
        error_set(s->err, error, "making the sandbox's memory");
        return error == EFBIG ? error_hint(s->err, "raise the file size limit: ulimit -f unlimited")
                              : -1;
    }
    void *p =
        mmap(NULL, SEG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, s->segment_fd, 0);
    if (p == MAP_FAILED) {
        error_set(s->err, errno, "mapping the sandbox's memory");
        return error_hint(s->err, "raise the address space limit: ulimit -v unlimited");
    }
    s->segment = p;
    s->boot = p;
    return 0;
}

static int make_events(struct sandbox *s)
{
    struct epoll_event event = {EPOLLIN, {.u64 = GATE_KICK_COOKIE}};

    s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->probe_fd = epoll_create1(EPOLL_CLOEXEC);
    s->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->poll_fd < 0 || s->probe_fd < 0 || s->kick_fd < 0)
        return error_set(s->err, errno, "making event descriptors");
    if (epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, s->kick_fd, &event) < 0)
        return error_set(s->err, errno, "watching the kick descriptor");
    return 0;
}

/* ---- the child ------------------------------------------------------------------- */

/* rc: of a step, 0 or -errno. */
static void child_step(int report, const char *what, long rc)
{
    struct failure failure = {.error = (int)-rc};

    if (rc >= 0)
        return;
    strncpy(failure.what, what, sizeof(failure.what) - 1);
    _exit(write(report, &failure, sizeof(failure)) < 0 ? 2 : 1);
}

/* Gives every descriptor its number inside and closes all others. */
static int place_descriptors(const struct plan *p)
{
    const struct sandbox *s = p->s;
    const int trace = s->config->trace_fd;
    const int count = GATE_FD_PAGES + (int)s->resumed.count;
    int from[GATE_FD_PAGES + BOOT_PAGES_MAX] = {
        [GATE_FD_LIFELINE] = p->lifeline_read,
        [GATE_FD_LIFELINE_AGAIN] = -1,
        [GATE_FD_SEGMENT] = s->segment_fd,
        [GATE_FD_POOL] = s->pool_fd,
        [GATE_FD_POLL] = s->poll_fd,
        [GATE_FD_KICK] = s->kick_fd,
        [GATE_FD_PROBE] = s->probe_fd,
        /* Where one was closed, what fills its place: these numbers mean our 0 to 2. */
        [GATE_FD_STDIN] = 0,
        [GATE_FD_STDOUT] = 1,
        [GATE_FD_STDERR] = 2,
        [GATE_FD_TRACE] = trace,
        [GATE_FD_DIFF] = s->config->diff_fd,
        [GATE_FD_RUNS] = s->resumed.runs,
        [GATE_FD_REPORT] = p->report,
    };

    memcpy(from + GATE_FD_PAGES, s->resumed.pages, sizeof(s->resumed.pages));
    for (int i = 0; i < count; i++) /* lifted behind all of them before they get their numbers */
        if (from[i] >= 0 && (from[i] = fcntl(from[i], F_DUPFD, count)) < 0)
            return -EMFILE; /* or EINVAL, for want of room as well */
    for (int i = 0; i < count; i++) {
        if (from[i] < 0)
            close(i);
        else if (dup2(from[i], i) < 0)
            return -errno;
    }
    return syscall(SYS_close_range, count, ~0U, 0) < 0 ? -errno : 0;
}

/* The monitor and the host descriptors of a sandbox need room; what the program may have
 * open is kept by the library OS, from the limits boot_info was given before. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool arm(int fd)
{
    return fcntl(fd, F_SETOWN, -getpid()) == 0 && fcntl(fd, F_SETSIG, SIGKILL) == 0 &&
           fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) == 0;
}

static int arm_lifeline(void)
{
    char byte;

    if (open("/proc/self/fd/0", O_RDONLY) != GATE_FD_LIFELINE_AGAIN)
        return -EBADF;
    if (!arm(GATE_FD_LIFELINE) || !arm(GATE_FD_LIFELINE_AGAIN))
        return -errno;
    if (read(GATE_FD_LIFELINE, &byte, 1) == 0)
        _exit(1); /* too late for a signal */
    return 0;
}

static int map_memory(void)
{
    const int prot = PROT_READ | PROT_WRITE;
    const int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE;

    if (mmap((void *)SEG_BASE, SEG_SIZE, prot, flags, GATE_FD_SEGMENT, 0) != (void *)SEG_BASE ||
        mmap((void *)POOL_BASE, POOL_SIZE, prot, flags, GATE_FD_POOL, 0) != (void *)POOL_BASE ||
        mmap((void *)EXIT_STACK_BASE, EXIT_STACK_SIZE, prot,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)EXIT_STACK_BASE)
        return -errno;
    return 0;
}

/* Out of the program's sight.  vvar and vDSO are separate special mappings that can only be
 * moved whole: at each place the one length that works is found by trying. */
static int move_vdso(const struct boot_vdso *v)
{
    uint64_t done = 0, len;

    for (; done < v->size; done += len) {
        void *from = (void *)(v->base_old + done), *to = (void *)(HOSTVDSO_BASE + done);
        for (len = v->size - done; len > 0; len -= PAGE_SIZE)
            if (mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
                break;
        if (len == 0)
            return -errno;
    }
    return 0;
}

/* struct sigaction as the kernel reads it. */
struct kernel_sigaction {
    uint64_t handler, flags, restorer, mask;
};
#define SA_RESTORER_BIT 0x04000000UL

/* What the caller ignores stays ignored, and nothing but SIGSYS has a handler of the monitor's. */
static int install_signals(const struct image_header *image)
{
    static const uint8_t handled[] = {
        SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, GATE_INTERRUPT_SIGNAL};
    struct kernel_sigaction action;
    uint64_t none = 0;

    action =
        (struct kernel_sigaction){image->signal_handler, SA_SIGINFO | SA_ONSTACK | SA_RESTORER_BIT,
                                  image->signal_restorer, ~0ULL};
    for (size_t i = 0; i < sizeof(handled); i++)
        if (syscall(SYS_rt_sigaction, handled[i], &action, NULL, 8) < 0)
            return -errno;
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8) < 0 ? -errno : 0;
}

/* The kernel must not touch the monitor's thread area any more: it will be unmapped. */
static void forget_thread_area(void)
{
    void *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    static const unsigned sizes[] = {32, 33, 48, 64, 128};

    /* glibc registers 32 bytes or, later, what the kernel asks for. */
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (syscall(SYS_rseq, area, sizes[i], 1 /* unregister */, 0x53053053) == 0)
            break;
    syscall(SYS_set_robust_list, NULL, 24);
    syscall(SYS_set_tid_address, SEG_BASE + SEG_SLOTS + SLOT_HOST_TID);
}

/* Root's picoprocess is nobody's: should it ever get past the filter, it owns nothing. */
static void become_nobody(void)
{
    if (geteuid() != 0)
        return;
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY);
    syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* the change cleared it */
}

static void drop_rights(const struct sandbox *s)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    const struct rlimit no_core = {0, 0};
    const bool root = geteuid() == 0;

    become_nobody();
    limits_apply(s->config);
    if (!s->config->debug)
        setrlimit(RLIMIT_CORE, &no_core);
    /* An ordinary user's monitor reads its memory for a save; root may in any case. */
    prctl(PR_SET_DUMPABLE, s->config->debug || !root ? 1 : 0, 0, 0, 0);
    landlock_deny_all();
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL); /* one with nothing in it */
    syscall(SYS_capset, &header, none);
}

/* Nothing of the monitor is left to the image. */
static _Noreturn void enter_image(const struct plan *p, int pid, int listener)
{
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "push %%rbp\n\t" /* as after a call */
                     "jmp *%1"
                     :
                     : "r"(EXIT_STACK_BASE + EXIT_STACK_SIZE), "r"(p->image.header.entry),
                       "D"((long)listener), "S"((long)pid)
                     : "memory");
    __builtin_unreachable();
}

/* A detached monitor has a session without a terminal: in it, a group of its own will do. */
static int own_session(const struct plan *p)
{
    const bool detached = p->s->config->detached;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
        (detached ? setpgid(0, 0) : setsid()) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return getppid() == p->monitor ? 0 : -ESRCH;
}

/* Threads and address spaces inherit it. */
static int hide_cpuid(const struct plan *p)
{
    return p->s->config->cpu_level && syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) < 0 ? -errno : 0;
}

static _Noreturn void child_main(const struct plan *p)
{
    const struct sock_fprog program = {p->filter.length, (struct sock_filter *)p->filter.code};

    /* Its limits come on top of others: without them it runs as well. */
    if (p->s->config->cgroup_fd >= 0 && write(p->s->config->cgroup_fd, "0", 1) < 0)
        errno = 0;
    child_step(p->report, "starting a session", own_session(p));
    raise_file_limit();
    child_step(p->report, "placing descriptors", place_descriptors(p));
    child_step(GATE_FD_REPORT, "arming the lifeline", arm_lifeline());
    child_step(GATE_FD_REPORT, "mapping the picoprocess", map_memory());
    forget_thread_area();
    drop_rights(p->s);
    child_step(GATE_FD_REPORT, "installing host signals", install_signals(&p->image.header));
    child_step(GATE_FD_REPORT, "mapping the picoprocess", move_vdso(host_vdso()));
    child_step(GATE_FD_REPORT, "making CPUID fault", hide_cpuid(p));
    const int pid = getpid();
    long listener = syscall(
        SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    child_step(GATE_FD_REPORT, "installing the host filter", listener < 0 ? -errno : 0);
    enter_image(p, pid, (int)listener);
}

/* ---- the monitor's side of it ------------------------------------------------------ */

/* The listener, or the reason why there is none. */
static int receive_listener(struct sandbox *s, int socket)
{
    struct failure failure = {"it died while it was starting", 0};
    struct packet p = {&failure, sizeof(failure), &s->listener, 1, NULL};

    ssize_t n;

    /* ECONNRESET comes once where it ended without reading; what it said comes after. */
    while ((n = packet_receive(socket, &p, 0)) < 0 && (errno == EINTR || errno == ECONNRESET))
        p.count = 1;
    if (p.count)
        return 0;
    if (n < 0 && errno == EMSGSIZE) /* no room here for the descriptor */
        return error_set(s->err, EMFILE, "starting the picoprocess");
    failure.what[sizeof(failure.what) - 1] = 0;
    error_set(s->err, failure.error, "the picoprocess: %s", failure.what);
    return failure.error == EMFILE
               ? -1
               : error_hint(s->err, "`bailey check` tells what this host lacks");
}

static int resume_segment(struct sandbox *s)
{
    if (!s->prepared && boot_prepare(s) < 0)
        return -1;
    if (resume_memory(s) < 0)
        return -1;
    resume_boot(s->config, s->boot, s->fresh);
    if (!s->prepared) /* else it is shared, and taking it down costs more */
        free(s->fresh);
    return boot_fill_own(s, s->boot);
}

/* What the child waits for.  Should it have failed, it has said why. */
static void let_go(int socket, int *fds, size_t count)
{
    if (packet_send(socket, &(struct packet){"", 1, fds, count, NULL}, 0) < 0)
        errno = 0;
    while (count > 0)
        close(fds[--count]);
}

/* What need not be done before is done while the child prepares itself. */
static int meanwhile(struct plan *p, int socket)
{
    struct sandbox *s = p->s;
    const struct memory_source *from = s->config->resume;
    int fds[BOOT_OPENED_MAX];

    s->proc_fds = sandbox_open(s, "/proc/self/fd", O_PATH | O_DIRECTORY);
    if (s->proc_fds < 0 || (from && from->ready && resume_segment(s) < 0))
        return -1;
    if (!from) {
        image_copy_data(&p->image, s->segment);
        if (boot_fill(s, s->boot) < 0 || boot_fill_own(s, s->boot) < 0)
            return -1;
    }
    image_unmap_text(); /* the child has it */
    p->mapped = false;
    raise_file_limit();
    let_go(socket, fds, from ? serve_opened(s, fds) : 0);
    if (!from)
        madvise(s->segment + SEG_HEAP_WARM, SEG_HEAP_WARM_SIZE, MADV_POPULATE_WRITE);
    return lockdown_calls(s);
}

static int start_child(struct plan *p)
{
    struct sandbox *s = p->s;
    int ends[2], pipe_ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
        pipe2(pipe_ends, O_CLOEXEC) < 0)
        return error_set(s->err, errno, "making a channel to the picoprocess");
    p->report = ends[1];
    p->lifeline_read = pipe_ends[0];
    p->monitor = getpid();
    s->lifeline = pipe_ends[1];
    /* Not fork(): it would run handlers and locks of a libc that has no say in the child. */
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        child_main(p);
    close(ends[1]);
    close(pipe_ends[0]);
    int rc = -1;
    if (pid < 0)
        error_set(s->err, errno, "starting a process");
    else {
        s->child = s->group = (pid_t)pid;
        rc = meanwhile(p, ends[0]);
        if (rc == 0)
            rc = receive_listener(s, ends[0]);
    }
    close(ends[0]);
    return rc;
}

static struct plan plan;

int spawn_prepare(struct sandbox *s)
{
    if (plan.mapped)
        return 0;
    int exe = image_find(&plan.image, s->err) ? -1 : sandbox_open(s, "/proc/self/exe", O_RDONLY);
    if (exe < 0)
        return -1;
    int rc = image_map_text(&plan.image, exe);
    close(exe);
    if (rc < 0)
        return error_set(s->err, -rc, "mapping the picoprocess");
    if (!plan.filter.length)
        filter_build(&plan.filter);
    host_vdso(); /* the child may read no file */
    plan.mapped = true;
    return 0;
}

int sandbox_spawn(struct sandbox *s)
{
    const struct memory_source *from = s->config->resume;

    plan.s = s;
    if (make_memory(s) < 0 || make_events(s) < 0 || spawn_prepare(s) < 0)
        return -1;
    if (from && from->ready)
        s->resumed = *from->ready;
    else if (from && resume_segment(s) < 0)
        return -1;
    int rc = start_child(&plan);
    if (rc == 0)
        ioctl(s->listener, NOTIF_SET_FLAGS, NOTIF_SYNC_WAKE); /* faster where known, else as well */
    return rc;
}
