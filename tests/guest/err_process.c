/* What the calls on processes, threads, signals and identities say of numbers that are nobody's,
 * of bad memory, flags and values, and what waiting calls say when a signal comes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)
#define NOBODY          4000000

static char buf[256];

static pid_t stopped_child(void)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        raise(SIGSTOP);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void waiting(void)
{
    siginfo_t info;
    pid_t pid;

    CHECK_ERR(CALL(wait4, -1, NULL, 0, NULL), ECHILD);
    CHECK_ERR(CALL(wait4, NOBODY, NULL, 0, NULL), ECHILD);
    CHECK_ERR(CALL(wait4, -1, NULL, 0x100, NULL), EINVAL);
    CHECK_ERR(CALL(wait4, 0x80000000, NULL, 0, NULL), ESRCH);
    CHECK_ERR(CALL(waitid, P_ALL, 0, &info, WEXITED, NULL), ECHILD);
    CHECK_ERR(CALL(waitid, P_PID, NOBODY, &info, WEXITED, NULL), ECHILD);
    CHECK_ERR(CALL(waitid, P_PID, 0, &info, WEXITED, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_PID, -1, &info, WEXITED, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_PGID, -1, &info, WEXITED, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_PIDFD, 50, &info, WEXITED, NULL), EBADF);
    CHECK_ERR(CALL(waitid, P_PIDFD, 0, &info, WEXITED, NULL), EBADF);
    CHECK_ERR(CALL(waitid, P_PIDFD, -1, &info, WEXITED, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, 9, 0, &info, WEXITED, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_ALL, 0, &info, 0, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_ALL, 0, &info, WNOHANG, NULL), EINVAL);
    CHECK_ERR(CALL(waitid, P_ALL, 0, &info, 0x100, NULL), EINVAL);
    pid = stopped_child();
    CHECK_ERR(CALL(waitid, P_PGID, NOBODY, &info, WEXITED, NULL), ECHILD);
    CHECK(CALL(wait4, pid, NULL, WNOHANG, NULL) == 0);
    kill(pid, SIGKILL);
    CHECK_ERR(CALL(wait4, pid, BAD, 0, NULL), EFAULT);
    CHECK_ERR(CALL(wait4, pid, NULL, 0, NULL), ECHILD);
}

static void groups(void)
{
    pid_t pid = stopped_child(), leader = fork();
    int p[2], called[2];
    char byte;

    if (!leader) {
        setsid();
        pause();
    }
    while (getsid(leader) != leader)
        sched_yield();
    CHECK_ERR(CALL(setpgid, 0, -1), EINVAL);
    CHECK_ERR(CALL(setpgid, -1, 0), EINVAL);
    CHECK_ERR(CALL(setpgid, NOBODY, 0), ESRCH);
    CHECK_ERR(CALL(setpgid, NOBODY, 5), ESRCH);
    CHECK_ERR(CALL(setpgid, -1, 5), ESRCH);
    CHECK_ERR(CALL(setpgid, pid, NOBODY), EPERM);
    CHECK_ERR(CALL(setpgid, leader, leader), EPERM);
    CHECK_ERR(CALL(setpgid, leader, pid), EPERM);
    CHECK_ERR(CALL(setpgid, pid, leader), EPERM);
    CHECK_ERR(CALL(getpgid, NOBODY), ESRCH);
    CHECK_ERR(CALL(getpgid, -1), ESRCH);
    CHECK_ERR(CALL(getsid, NOBODY), ESRCH);
    CHECK(CALL(setpgid, pid, pid) == 0 && getpgid(pid) == pid);
    end(leader);
    end(pid);
    CHECK(pipe(p) == 0 && pipe2(called, O_CLOEXEC) == 0);
    pid = fork();
    if (!pid) {
        setpgid(0, 0);
        CHECK_ERR(CALL(setsid), EPERM);
        dup2(p[0], 0);
        close(p[1]);
        execl("/bin/cat", "cat", (char *)NULL);
        _exit(1);
    }
    close(called[1]);
    CHECK(read(called[0], &byte, 1) == 0); /* exec has closed the other end */
    close(called[0]);
    CHECK_ERR(CALL(setpgid, pid, getpgrp()), EACCES);
    end(pid);
    close(p[0]);
    close(p[1]);
}

static void signalling(void)
{
    struct sigaction act = {0};
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
    uint64_t set = 0;
    struct timespec bad = {0, 1000000000}, none = {0, 0};
    pid_t pid = stopped_child();
    stack_t stack = {.ss_sp = buf, .ss_size = 16}, unknown = {.ss_flags = 77};

    CHECK_ERR(CALL(kill, getpid(), 65), EINVAL);
    CHECK_ERR(CALL(kill, getpid(), -1), EINVAL);
    CHECK_ERR(CALL(kill, NOBODY, 0), ESRCH);
    CHECK_ERR(CALL(kill, -NOBODY, 0), ESRCH);
    CHECK_ERR(CALL(kill, 0x80000000, 0), ESRCH);
    CHECK_ERR(CALL(tkill, 0, 0), EINVAL);
    CHECK_ERR(CALL(tkill, NOBODY, 0), ESRCH);
    CHECK_ERR(CALL(tkill, getpid(), 65), EINVAL);
    CHECK_ERR(CALL(tgkill, 0, getpid(), 0), EINVAL);
    CHECK_ERR(CALL(tgkill, getpid(), NOBODY, 0), ESRCH);
    CHECK_ERR(CALL(tgkill, getpid(), -1, 0), EINVAL);
    CHECK_ERR(CALL(rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
    CHECK_ERR(CALL(rt_sigqueueinfo, getpid(), SIGUSR1, BAD), EFAULT);
    info.si_code = SI_QUEUE;
    CHECK_ERR(CALL(rt_sigqueueinfo, NOBODY, SIGUSR1, &info), ESRCH);
    CHECK_ERR(CALL(rt_sigqueueinfo, getpid(), 65, &info), EINVAL);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), NOBODY, SIGUSR1, &info), ESRCH);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, -1, getpid(), SIGUSR1, &info), EINVAL);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), getpid(), 65, &info), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, SIGKILL, &act, NULL, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, SIGSTOP, &act, NULL, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, 0, NULL, NULL, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, 65, NULL, NULL, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
    CHECK_ERR(CALL(rt_sigaction, SIGUSR1, BAD, NULL, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigaction, SIGUSR1, NULL, BAD, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigprocmask, 9, &set, NULL, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
    CHECK_ERR(CALL(rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigprocmask, SIG_BLOCK, NULL, BAD, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigpending, BAD, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigpending, &set, 9), EINVAL);
    CHECK_ERR(CALL(rt_sigsuspend, BAD, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigsuspend, &set, 4), EINVAL);
    CHECK_ERR(CALL(rt_sigtimedwait, &set, NULL, &bad, 8), EINVAL);
    CHECK_ERR(CALL(rt_sigtimedwait, &set, NULL, &none, 4), EINVAL);
    CHECK_ERR(CALL(rt_sigtimedwait, BAD, NULL, &none, 8), EFAULT);
    CHECK_ERR(CALL(rt_sigtimedwait, &set, NULL, &none, 8), EAGAIN);
    CHECK_ERR(CALL(sigaltstack, &stack, NULL), ENOMEM);
    CHECK_ERR(CALL(sigaltstack, &unknown, NULL), EINVAL);
    CHECK_ERR(CALL(sigaltstack, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(sigaltstack, NULL, BAD), EFAULT);
    CHECK_ERR(CALL(tgkill, getpid(), pid, 0), ESRCH);
    end(pid);
}

/* More signals than may be queued. */
static void queue_full(void)
{
    struct rlimit few = {0, 0};
    siginfo_t info = {.si_signo = SIGRTMIN, .si_code = SI_QUEUE};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    uint64_t set = ~0ul;
    timer_t timer;
    int status;

    if (fork() == 0) {
        CHECK(CALL(rt_sigprocmask, SIG_BLOCK, &set, NULL, 8) == 0);
        CHECK(setrlimit(RLIMIT_SIGPENDING, &few) == 0);
        CHECK_ERR(CALL(rt_sigqueueinfo, getpid(), SIGRTMIN, &info), EAGAIN);
        CHECK_ERR(CALL(rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info), EAGAIN);
        CHECK_ERR(CALL(tgkill, getpid(), getpid(), SIGRTMIN), EAGAIN);
        CHECK_ERR(CALL(tkill, getpid(), SIGRTMIN), EAGAIN);
        CHECK_ERR(CALL(timer_create, CLOCK_MONOTONIC, &event, &timer), EAGAIN);
        CHECK(CALL(kill, getpid(), SIGUSR1) == 0);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
}

static void making(void)
{
    struct clone_args args = {.exit_signal = SIGCHLD};

    CHECK_ERR(CALL(clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(clone3, &args, 8), EINVAL);
    CHECK_ERR(CALL(clone3, &args, 1 << 20), E2BIG);
    CHECK_ERR(CALL(clone3, BAD, sizeof(args)), EFAULT);
    args.exit_signal = 100;
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.flags = CLONE_THREAD};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.flags = 1ull << 40};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.stack_size = 4096};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.set_tid = (uintptr_t)buf, .set_tid_size = 100};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
    args = (struct clone_args){.flags = CLONE_PIDFD | CLONE_DETACHED};
    CHECK_ERR(CALL(clone3, &args, sizeof(args)), EINVAL);
}

static void write_file(const char *name, const char *text, size_t len)
{
    int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0755);

    CHECK(write(fd, text, len) == (ssize_t)len);
    close(fd);
}

static void executing(void)
{
    static char arg[1 << 18];
    char *many[64], *one[] = {"x", NULL};
    int fd;

    memset(arg, 'a', sizeof(arg) - 1);
    for (int i = 0; i < 63; i++)
        many[i] = arg;
    many[63] = NULL;
    write_file("script", "#!/none/at/all\n", 15);
    write_file("loop", "#!./loop\n", 9);
    write_file("nothing", "", 0);
    write_file("text", "hello\n", 6);
    write_file("elf", "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\076\0", 20);
    CHECK_ERR(CALL(execve, "script", one, NULL), ENOENT);
    CHECK_ERR(CALL(execve, "loop", one, NULL), ELOOP);
    CHECK_ERR(CALL(execve, "nothing", one, NULL), ENOEXEC);
    CHECK_ERR(CALL(execve, "text", one, NULL), ENOEXEC);
    CHECK_ERR(CALL(execve, "elf", one, NULL), ENOEXEC);
    CHECK_ERR(CALL(execve, "/bin/true", many, NULL), E2BIG);
    CHECK_ERR(CALL(execve, "/bin/true", BAD, NULL), EFAULT);
    CHECK_ERR(CALL(execve, "/bin/true", one, BAD), EFAULT);
    CHECK_ERR(CALL(execve, "/", one, NULL), EACCES);
    CHECK_ERR(CALL(execveat, AT_FDCWD, "text", one, NULL, 77), EINVAL);
    CHECK_ERR(CALL(execveat, 50, "", one, NULL, AT_EMPTY_PATH), EBADF);
    CHECK(symlink("text", "link") == 0);
    CHECK_ERR(CALL(execveat, AT_FDCWD, "link", one, NULL, AT_SYMLINK_NOFOLLOW), ELOOP);
    fd = open("script", O_WRONLY);
    CHECK_ERR(CALL(execve, "script", one, NULL), ETXTBSY);
    close(fd);
    fd = open("/proc/self/exe", O_WRONLY);
    CHECK(fd < 0 && errno == ETXTBSY);
    CHECK_ERR(CALL(truncate, "/proc/self/exe", 0), ETXTBSY);
}

static void threads(void)
{
    static uint32_t word;
    struct timespec bad = {0, -1}, soon = {0, 1000};
    struct robust_list_head *head;
    size_t len;

    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT, 0, &soon, NULL, 0), ETIMEDOUT);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT, 0, BAD, NULL, 0), EFAULT);
    CHECK_ERR(CALL(futex, BAD, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    CHECK_ERR(CALL(futex, (char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(CALL(futex, (char *)&word + 1, FUTEX_WAKE, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
    CHECK_ERR(CALL(futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERR(CALL(futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &len, 7), EAGAIN);
    CHECK_ERR(CALL(futex, &word, FUTEX_REQUEUE, -1, 1, &len, 0), EINVAL);
    CHECK_ERR(CALL(futex, &word, 77, 0, NULL, NULL, 0), ENOSYS);
    CHECK_ERR(CALL(futex, &word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
    word = (uint32_t)gettid();
    CHECK_ERR(CALL(futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    CHECK_ERR(CALL(futex, &word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    word = NOBODY;
    CHECK_ERR(CALL(futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
    CHECK_ERR(CALL(set_robust_list, buf, 8), EINVAL);
    CHECK_ERR(CALL(get_robust_list, NOBODY, &head, &len), ESRCH);
    CHECK_ERR(CALL(get_robust_list, 0, BAD, &len), EFAULT);
    CHECK_ERR(CALL(get_robust_list, 0, &head, BAD), EFAULT);
}

static void limits(void)
{
    struct rlimit turned = {2, 1}, limit;
    struct rusage usage;
    struct sched_param param = {0};
    struct timespec ts;
    cpu_set_t set;

    CPU_ZERO(&set);
    CHECK_ERR(CALL(getrlimit, 99, &limit), EINVAL);
    CHECK_ERR(CALL(getrlimit, RLIMIT_CPU, BAD), EFAULT);
    CHECK_ERR(CALL(setrlimit, RLIMIT_CORE, &turned), EINVAL);
    CHECK_ERR(CALL(setrlimit, RLIMIT_CORE, BAD), EFAULT);
    CHECK_ERR(CALL(prlimit64, NOBODY, RLIMIT_CPU, NULL, &limit), ESRCH);
    CHECK_ERR(CALL(getrusage, 7, &usage), EINVAL);
    CHECK_ERR(CALL(getrusage, RUSAGE_SELF, BAD), EFAULT);
    CHECK_ERR(CALL(times, BAD), EFAULT);
    CHECK_ERR(CALL(getpriority, 9, 0), EINVAL);
    CHECK_ERR(CALL(getpriority, PRIO_PROCESS, NOBODY), ESRCH);
    CHECK_ERR(CALL(getpriority, PRIO_PGRP, NOBODY), ESRCH);
    CHECK_ERR(CALL(setpriority, 9, 0, 0), EINVAL);
    CHECK_ERR(CALL(setpriority, PRIO_USER, 4321234, 0), ESRCH);
    CHECK_ERR(CALL(ioprio_get, 9, 0), EINVAL);
    CHECK_ERR(CALL(ioprio_get, 1, NOBODY), ESRCH);
    CHECK_ERR(CALL(ioprio_set, 1, NOBODY, 2 << 13 | 4), ESRCH);
    CHECK_ERR(CALL(ioprio_set, 1, 0, 7), EINVAL);
    CHECK(CALL(ioprio_set, 1, 0, 2 << 13 | 6) == 0 && CALL(ioprio_get, 1, 0) == (2 << 13 | 6));
    CHECK_ERR(CALL(sched_setaffinity, 0, sizeof(set), &set), EINVAL);
    CHECK_ERR(CALL(sched_setaffinity, 0, sizeof(set), BAD), EFAULT);
    CHECK_ERR(CALL(sched_setaffinity, NOBODY, sizeof(set), &set), ESRCH);
    CHECK_ERR(CALL(sched_getaffinity, 0, 1, &set), EINVAL);
    CHECK_ERR(CALL(sched_getaffinity, NOBODY, sizeof(set), &set), ESRCH);
    CHECK_ERR(CALL(sched_getaffinity, 0, sizeof(set), BAD), EFAULT);
    CHECK_ERR(CALL(sched_getscheduler, NOBODY), ESRCH);
    CHECK_ERR(CALL(sched_getscheduler, -1), EINVAL);
    CHECK_ERR(CALL(sched_setparam, 0, NULL), EINVAL);
    param.sched_priority = 5;
    CHECK_ERR(CALL(sched_setparam, 0, &param), EINVAL);
    CHECK_ERR(CALL(sched_getparam, NOBODY, &param), ESRCH);
    CHECK_ERR(CALL(sched_setscheduler, 0, 99, &param), EINVAL);
    CHECK_ERR(CALL(sched_get_priority_max, 99), EINVAL);
    CHECK_ERR(CALL(sched_get_priority_min, 99), EINVAL);
    CHECK_ERR(CALL(sched_rr_get_interval, -1, &ts), EINVAL);
    CHECK_ERR(CALL(sched_rr_get_interval, NOBODY, &ts), ESRCH);
    CHECK_ERR(CALL(sched_rr_get_interval, 0, BAD), EFAULT);
    CHECK_ERR(CALL(sched_getattr, 0, buf, 8, 0), EINVAL);
    CHECK_ERR(CALL(sched_getattr, NOBODY, buf, 48, 0), ESRCH);
    CHECK_ERR(CALL(sched_setattr, 0, NULL, 0), EINVAL);
    memset(buf, 0, sizeof(buf));
    *(uint32_t *)buf = 20;
    CHECK_ERR(CALL(sched_setattr, 0, buf, 0), E2BIG);
    *(uint32_t *)buf = 48;
    CHECK_ERR(CALL(sched_setattr, NOBODY, buf, 0), ESRCH);
}

static void identities(void)
{
    struct {
        uint32_t version;
        int pid;
    } head = {0x20080522, NOBODY};
    gid_t few[1];

    CHECK_ERR(CALL(setuid, -1), EINVAL);
    CHECK_ERR(CALL(setgid, -1), EINVAL);
    CHECK_ERR(CALL(getresuid, BAD, buf, buf), EFAULT);
    CHECK_ERR(CALL(getresgid, buf, buf, BAD), EFAULT);
    CHECK_ERR(CALL(getgroups, -1, few), EINVAL);
    CHECK_ERR(CALL(capget, &head, buf), ESRCH);
    head.pid = -1;
    CHECK_ERR(CALL(capget, &head, buf), EINVAL);
    head.version = 7;
    CHECK_ERR(CALL(capget, &head, buf), EINVAL);
    head.version = 0x20080522;
    head.pid = 0;
    CHECK_ERR(CALL(capget, BAD, buf), EFAULT);
    CHECK_ERR(CALL(capset, &head, BAD), EFAULT);
    head.pid = NOBODY;
    CHECK_ERR(CALL(capset, &head, buf), EPERM);
    head.version = 7;
    CHECK_ERR(CALL(capset, &head, buf), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_SPECULATION_CTRL, 99, 0, 0, 0), ENODEV);
    CHECK_ERR(CALL(prctl, PR_CAP_AMBIENT, 9, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 99, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_GET_TIMERSLACK + 500, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_THP_DISABLE, 0, 1, 0, 0), EINVAL);
    CHECK(CALL(prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    CHECK((CALL(prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0) & 1) == 1);
    CHECK(CALL(prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
    CHECK(CALL(prctl, PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_DEFAULT);
    CHECK(CALL(prctl, PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0);
    CHECK(CALL(prctl, PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY);
    CHECK(CALL(prctl, PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0) == 0);
    CHECK_ERR(CALL(prctl, PR_GET_CHILD_SUBREAPER, BAD, 0, 0, 0), EFAULT);
    CHECK_ERR(CALL(prctl, PR_GET_TID_ADDRESS, BAD, 0, 0, 0), EFAULT);
    CHECK_ERR(CALL(prctl, PR_MCE_KILL, 9, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, 7777, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_GET_PDEATHSIG, BAD, 0, 0, 0), EFAULT);
    CHECK_ERR(CALL(prctl, PR_SET_NAME, BAD, 0, 0, 0), EFAULT);
    CHECK_ERR(CALL(prctl, PR_GET_NAME, BAD, 0, 0, 0), EFAULT);
    CHECK_ERR(CALL(prctl, PR_SET_DUMPABLE, 2, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_CAPBSET_READ, 99, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_TIMING, 1, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_TSC, 7, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(prctl, PR_SET_SECCOMP, 9, 0, 0, 0), EINVAL);
    CHECK_ERR(CALL(uname, BAD), EFAULT);
    CHECK_ERR(CALL(sysinfo, BAD), EFAULT);
    CHECK_ERR(CALL(getrandom, buf, 1, 77), EINVAL);
    CHECK_ERR(CALL(getrandom, BAD, 1, 0), EFAULT);
    CHECK_ERR(CALL(getcpu, BAD, NULL, NULL), EFAULT);
}

static long with_parent(int what) { return CALL(kcmp, getpid(), getppid(), what, 0, 0); }

/* A child that shares descriptors and working directory, until it wants its own. */
static int sharer(void *fd)
{
    int shared = with_parent(2 /* FILES */) == 0 && with_parent(3 /* FS */) == 0 &&
                 with_parent(1 /* VM */) > 0 && CALL(ioprio_set, 1, 0, 2 << 13 | 6) == 0 &&
                 CALL(kcmp, getpid(), getpid(), 5 /* IO */, 0, 0) == 0 && with_parent(5) > 0;

    if (!shared || CALL(unshare, CLONE_FILES | CLONE_FS) || close(*(int *)fd) || chdir("/"))
        _exit(1);
    _exit(with_parent(2) == 0);
}

/* Containers forbid these three to programs, or some of what they do. */
static int sharing_allowed(void)
{
    return CALL(unshare, 0) == 0 && CALL(kcmp, getpid(), getpid(), 0, 0, 0) == 0 &&
           CALL(personality, 8) == 0 && CALL(personality, 0) == 8;
}

static void sharing(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    int fd = open(".", O_RDONLY), copy = dup(fd), other = open(".", O_RDONLY), status;
    char before[256], after[256];
    struct {
        uint32_t epoll, fd, offset;
    } slot = {(uint32_t)fd, (uint32_t)fd, 0};
    struct epoll_event event = {EPOLLIN, {0}};
    int ends[2];
    pid_t pid;

    CHECK(pipe(ends) == 0);
    CHECK_ERR(CALL(unshare, 0x7), EINVAL);
    CHECK_ERR(CALL(unshare, 1 << 30 | 1 << 12), EINVAL);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 77, 0, 0), EINVAL);
    CHECK_ERR(CALL(kcmp, getpid(), NOBODY, 0, 0, 0), ESRCH);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 0, 0, 50), EBADF);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7 /* EPOLL_TFD */, fd, BAD), EFAULT);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7, fd, &slot), EINVAL);
    slot.epoll = (uint32_t)epoll_create1(0);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7, fd, &slot), ENOENT);
    CHECK(epoll_ctl((int)slot.epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    slot.fd = (uint32_t)ends[0];
    CHECK(CALL(kcmp, getpid(), getpid(), 7, ends[0], &slot) == 0);
    CHECK(CALL(kcmp, getpid(), getpid(), 7, ends[1], &slot) > 0);
    slot.offset = 1;
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7, fd, &slot), ENOENT);
    close((int)slot.epoll);
    close(ends[0]);
    close(ends[1]);
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7, 501, &slot), EBADF);
    slot.epoll = 502;
    CHECK_ERR(CALL(kcmp, getpid(), getpid(), 7, fd, &slot), EBADF);
    CHECK(getcwd(before, sizeof(before)) != NULL);
    pid = clone(sharer, stack + sizeof(stack), CLONE_FILES | CLONE_FS | SIGCHLD, &fd);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(fcntl(fd, F_GETFD) >= 0 && getcwd(after, sizeof(after)) && !strcmp(before, after));
    CHECK(CALL(kcmp, getpid(), getpid(), 0 /* FILE */, fd, copy) == 0);
    CHECK(CALL(kcmp, getpid(), getpid(), 0, fd, other) > 0);
    CHECK(CALL(unshare, 0) == 0 && CALL(unshare, CLONE_FILES | CLONE_FS | CLONE_SYSVSEM) == 0);
    close(fd);
    close(copy);
    close(other);
    CHECK(CALL(personality, 8) == 0 && CALL(personality, -1) == 8);
    CHECK(system("test $(uname -m) = i686") == 0 && CALL(personality, 0) == 8);
}

/* What descriptors of processes say, and waiting for them. */
static void descriptors(void)
{
    pid_t pid = stopped_child();
    int fd = (int)CALL(pidfd_open, pid, 0), waiting = (int)CALL(pidfd_open, pid, O_NONBLOCK);
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

    CHECK_ERR(CALL(pidfd_getfd, fd, 0, 1), EINVAL);
    CHECK_ERR(CALL(pidfd_getfd, fd, 500, 0), EBADF);
    CHECK_ERR(CALL(pidfd_send_signal, fd, SIGUSR1, NULL, 0x100), EINVAL);
    CHECK_ERR(CALL(pidfd_send_signal, fd, 65, NULL, 0), EINVAL);
    CHECK_ERR(CALL(pidfd_send_signal, fd, SIGUSR2, &info, 0), EINVAL);
    CHECK_ERR(CALL(pidfd_send_signal, fd, SIGUSR1, BAD, 0), EFAULT);
    CHECK_ERR(CALL(waitid, P_PIDFD, waiting, &info, WEXITED, NULL), EAGAIN);
    CHECK_ERR(CALL(ptrace, PTRACE_PEEKDATA, pid, 0, buf), ESRCH);
    CHECK_ERR(CALL(ptrace, PTRACE_ATTACH, NOBODY, 0, 0), ESRCH);
    CHECK_ERR(CALL(ptrace, PTRACE_CONT, NOBODY, 0, 0), ESRCH);
    CHECK_ERR(CALL(ptrace, PTRACE_ATTACH, getpid(), 0, 0), EPERM);
    CHECK_ERR(CALL(ptrace, PTRACE_SEIZE, pid, 0, 1 << 30), EIO);
    CHECK_ERR(CALL(ptrace, PTRACE_SEIZE, pid, 1, 0), EIO);
    if (CALL(ptrace, PTRACE_ATTACH, pid, 0, 0) == 0) { /* forbidden in some containers */
        CHECK(waitpid(pid, NULL, 0) == pid);
        CHECK_ERR(CALL(ptrace, PTRACE_ATTACH, pid, 0, 0), EPERM);
        CHECK_ERR(CALL(ptrace, PTRACE_GETREGS, pid, 0, BAD), EFAULT);
        CHECK_ERR(CALL(ptrace, PTRACE_GETSIGINFO, pid, 0, buf), EINVAL);
        CHECK_ERR(CALL(ptrace, PTRACE_SETOPTIONS, pid, 0, 1 << 30), EINVAL);
        CHECK_ERR(CALL(ptrace, PTRACE_PEEKDATA, pid, 8, buf), EIO);
        CHECK_ERR(CALL(ptrace, PTRACE_POKEDATA, pid, 8, 0), EIO);
        CHECK_ERR(CALL(ptrace, PTRACE_CONT, pid, 0, 65), EIO);
        CHECK_ERR(CALL(ptrace, 0x3333, pid, 0, 0), EIO);
    }
    end(pid);
    CHECK_ERR(CALL(pidfd_getfd, fd, 0, 0), ESRCH);
    CHECK_ERR(CALL(pidfd_send_signal, fd, SIGUSR1, NULL, 0), ESRCH);
    CHECK_ERR(CALL(waitid, P_PIDFD, fd, &info, WEXITED, NULL), ECHILD);
    close(fd);
    close(waiting);
}

/* Clocks and timers. */
static void clocks(void)
{
    struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
    struct itimerspec far = {.it_value = {1000, 0}}, bad = {.it_value = {0, -1}};
    timer_t timer;
    int id;

    CHECK_ERR(CALL(time, BAD), EFAULT);
    CHECK_ERR(CALL(clock_adjtime, CLOCK_REALTIME, BAD), EFAULT);
    CHECK_ERR(CALL(timer_create, CLOCK_MONOTONIC_RAW, &quiet, &timer), EOPNOTSUPP);
    CHECK_ERR(CALL(timer_create, CLOCK_MONOTONIC, BAD, &timer), EFAULT);
    CHECK_ERR(CALL(timer_create, CLOCK_MONOTONIC, &quiet, BAD), EFAULT);
    CHECK(CALL(timer_create, CLOCK_MONOTONIC, &quiet, &id) == 0);
    CHECK_ERR(CALL(timer_gettime, id, BAD), EFAULT);
    CHECK_ERR(CALL(timer_settime, id, 0, BAD, NULL), EFAULT);
    CHECK_ERR(CALL(timer_settime, id, 0, NULL, NULL), EINVAL);
    CHECK_ERR(CALL(timer_settime, id, 0, &bad, NULL), EINVAL);
    CHECK_ERR(CALL(timer_settime, id, 0, &far, BAD), EFAULT);
    CHECK(CALL(timer_delete, id) == 0);
    CHECK_ERR(CALL(timer_delete, id), EINVAL);
}

/* Keys until there are no more; on a machine without them that's at once. */
static void keys(void)
{
    int key[20], n = 0;

    while (n < 20 && (key[n] = (int)CALL(pkey_alloc, 0, 0)) > 0)
        n++;
    CHECK_ERR(CALL(pkey_alloc, 0, 0), ENOSPC);
    CHECK_ERR(CALL(pkey_alloc, 1, 0), EINVAL);
    CHECK_ERR(CALL(pkey_alloc, 0, 8), EINVAL);
    while (n > 0)
        CHECK(CALL(pkey_free, key[--n]) == 0);
    CHECK_ERR(CALL(pkey_free, 99), EINVAL);
}

static void names(void)
{
    errno = 0;
    if (CALL(sethostname, buf, -1L) < 0 && errno == EPERM) /* root of a container may not */
        return;
    CHECK_ERR(CALL(sethostname, buf, 65), EINVAL);
    CHECK_ERR(CALL(sethostname, BAD, 5), EFAULT);
    CHECK_ERR(CALL(setdomainname, buf, 65), EINVAL);
    CHECK_ERR(CALL(setdomainname, BAD, 5), EFAULT);
}

int main(void)
{
    if (sharing_allowed())
        sharing();
    waiting();
    groups();
    signalling();
    queue_full();
    making();
    executing();
    threads();
    limits();
    identities();
    descriptors();
    clocks();
    keys();
    names();
    errno = 0;
    CHECK(gethostname(buf, 1) == -1 && errno == ENAMETOOLONG);
    return check_result();
}
