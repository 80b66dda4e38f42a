/* ptrace: stops for signals and calls, memory and registers of a tracee, options and events. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile long word = 0x1122334455667788;
static volatile int handled;

static void on_signal(int sig) { handled = sig; }

static long pt(int request, pid_t pid, long addr, long data)
{
    errno = 0;
    return syscall(SYS_ptrace, (long)request, (long)pid, addr, data);
}

/* The status of the next stop or end of pid. */
static int next(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, __WALL) == pid);
    return status;
}

#define STOPPED(sig)       ((sig) << 8 | 0x7f)
#define EVENT(event)       (SIGTRAP << 8 | 0x7f | (event) << 16)
#define EVENT_STOPPED(sig) ((sig) << 8 | 0x7f | PTRACE_EVENT_STOP << 16)

static pid_t traced(void (*run)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0))
            _exit(99);
        raise(SIGSTOP);
        run();
        _exit(0);
    }
    CHECK(next(pid) == STOPPED(SIGSTOP));
    return pid;
}

static void finish(pid_t pid, int code)
{
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == code << 8);
}

/* ---- signals ---------------------------------------------------------------------------- */

static void run_signals(void)
{
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    signal(SIGCHLD, SIG_IGN);
    raise(SIGUSR1); /* suppressed */
    if (handled)
        _exit(1);
    raise(SIGUSR1); /* becomes SIGUSR2 */
    if (handled != SIGUSR2)
        _exit(2);
    raise(SIGCHLD); /* ignored, but seen */
    raise(SIGTERM); /* suppressed */
    _exit(7);
}

static void signals(void)
{
    pid_t pid = traced(run_signals);
    siginfo_t info, wait_info;

    CHECK_ERR(pt(PTRACE_CONT, pid, 0, 1000), EIO);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    memset(&wait_info, 0, sizeof(wait_info));
    CHECK(waitid(P_PID, pid, &wait_info, WSTOPPED | WNOWAIT) == 0);
    CHECK(wait_info.si_code == CLD_TRAPPED && wait_info.si_status == SIGUSR1);
    CHECK(next(pid) == STOPPED(SIGUSR1));
    CHECK(waitpid(pid, NULL, WNOHANG | __WALL) == 0);
    CHECK(pt(PTRACE_GETSIGINFO, pid, 0, (long)&info) == 0);
    CHECK(info.si_signo == SIGUSR1 && info.si_pid == pid);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGUSR1));
    CHECK(pt(PTRACE_CONT, pid, 0, SIGUSR2) == 0);
    CHECK(next(pid) == STOPPED(SIGCHLD));
    CHECK(pt(PTRACE_CONT, pid, 0, SIGCHLD) == 0);
    CHECK(next(pid) == STOPPED(SIGTERM));
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == 7 << 8);
    CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
}

/* ---- memory and registers ----------------------------------------------------------------- */

static int __attribute__((noinline)) answer(void)
{
    __asm__ volatile("");
    return 41;
}

static void run_memory(void)
{
    long r;

    __asm__ volatile("mov $0x1234, %%r12\n int3\n mov %%r12, %0" : "=r"(r)::"r12", "memory");
    _exit(r == 0x4321 && word == 42 ? answer() : 1);
}

static void memory(void)
{
    pid_t pid = traced(run_memory);
    struct user_regs_struct regs, again;
    struct user_fpregs_struct fp;
    struct iovec iov = {&again, sizeof(again)};
    long value = 0, text;
    uint64_t mask = 0;

    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGTRAP));
    CHECK(pt(PTRACE_PEEKDATA, pid, (long)&word, (long)&value) == 0 && value == word);
    CHECK(pt(PTRACE_POKEDATA, pid, (long)&word, 42) == 0);
    CHECK(word != 42);
    CHECK_ERR(pt(PTRACE_PEEKDATA, pid, 8, (long)&value), EIO);
    CHECK_ERR(pt(PTRACE_POKEDATA, pid, 8, 1), EIO);
    CHECK(pt(PTRACE_GETREGS, pid, 0, (long)&regs) == 0);
    CHECK(regs.r12 == 0x1234 && regs.cs == 0x33 && regs.orig_rax == (unsigned long)-1);
    CHECK(pt(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.r12), (long)&value) == 0 &&
          value == 0x1234);
    CHECK(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.r12), 0x5555) == 0);
    CHECK_ERR(pt(PTRACE_PEEKUSER, pid, 3, (long)&value), EIO);
    CHECK(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, (long)&iov) == 0);
    CHECK(iov.iov_len == sizeof(again) && again.r12 == 0x5555 && again.rip == regs.rip);
    regs.r12 = 0x4321;
    CHECK(pt(PTRACE_SETREGS, pid, 0, (long)&regs) == 0);
    CHECK(pt(PTRACE_GETFPREGS, pid, 0, (long)&fp) == 0 && fp.mxcsr == 0x1f80);
    CHECK(pt(PTRACE_SETFPREGS, pid, 0, (long)&fp) == 0);
    CHECK_ERR(pt(PTRACE_GETREGSET, pid, 12345, (long)&iov), EINVAL);
    CHECK(pt(PTRACE_GETSIGMASK, pid, 8, (long)&mask) == 0 && mask == 0);
    CHECK_ERR(pt(PTRACE_GETSIGMASK, pid, 4, (long)&mask), EINVAL);

    /* A breakpoint in text that the program itself can't write. */
    CHECK(pt(PTRACE_PEEKTEXT, pid, (long)answer, (long)&text) == 0);
    CHECK(pt(PTRACE_POKETEXT, pid, (long)answer, (text & ~0xffL) | 0xcc) == 0);
    CHECK(pt(PTRACE_PEEKTEXT, pid, (long)answer, (long)&value) == 0 && (value & 0xff) == 0xcc);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGTRAP));
    CHECK(pt(PTRACE_GETREGS, pid, 0, (long)&regs) == 0);
    CHECK(regs.rip == (unsigned long)answer + 1);
    CHECK(pt(PTRACE_POKETEXT, pid, (long)answer, text) == 0);
    regs.rip--;
    CHECK(pt(PTRACE_SETREGS, pid, 0, (long)&regs) == 0);
    finish(pid, 41);
}

/* ---- calls -------------------------------------------------------------------------------- */

static void run_calls(void)
{
    if (syscall(SYS_getppid) != 4711)
        _exit(1);
    if (syscall(SYS_getuid) != -1 || errno != ENOSYS) /* the tracer makes it no call */
        _exit(2);
    _exit(syscall(SYS_close, -5L)); /* the tracer makes it getpid's return */
}

static long expect_call(pid_t pid, int op, long nr)
{
    struct __ptrace_syscall_info info;
    long n;

    CHECK(pt(PTRACE_SYSCALL, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGTRAP | 0x80));
    n = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info);
    CHECK(info.op == op);
    if (op == PTRACE_SYSCALL_INFO_ENTRY)
        CHECK(n == 80 && (long)info.entry.nr == nr);
    else
        CHECK(n == 33);
    return op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.args[0] : info.exit.rval;
}

static void calls(void)
{
    pid_t pid = traced(run_calls);
    struct user_regs_struct regs;

    CHECK(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
    CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, 1L << 30), EINVAL);
    expect_call(pid, PTRACE_SYSCALL_INFO_ENTRY, SYS_getppid);
    CHECK(pt(PTRACE_GETREGS, pid, 0, (long)&regs) == 0);
    CHECK(regs.orig_rax == SYS_getppid && regs.rax == (unsigned long)-ENOSYS);
    CHECK(regs.rcx == regs.rip);
    CHECK(expect_call(pid, PTRACE_SYSCALL_INFO_EXIT, 0) == getpid());
    CHECK(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 4711) == 0);
    expect_call(pid, PTRACE_SYSCALL_INFO_ENTRY, SYS_getuid);
    CHECK(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1) == 0);
    CHECK(expect_call(pid, PTRACE_SYSCALL_INFO_EXIT, 0) == -ENOSYS);
    CHECK(expect_call(pid, PTRACE_SYSCALL_INFO_ENTRY, SYS_close) == -5);
    CHECK(expect_call(pid, PTRACE_SYSCALL_INFO_EXIT, 0) == -EBADF);
    CHECK(pt(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), 9) == 0);
    finish(pid, 9);
}

/* ---- steps -------------------------------------------------------------------------------- */

static void run_steps(void)
{
    __asm__ volatile("int3\n nop\n nop\n mov $39, %%eax\n syscall\n nop\n" ::
                         : "rax", "rcx", "r11", "memory");
    _exit(5);
}

static void steps(void)
{
    pid_t pid = traced(run_steps);
    struct user_regs_struct regs;
    static const int lengths[] = {1, 1, 5, 2, 1};
    unsigned long at = 0;

    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGTRAP));
    CHECK(pt(PTRACE_GETREGS, pid, 0, (long)&regs) == 0);
    at = regs.rip;
    for (int i = 0; i < 5; i++) {
        siginfo_t info;

        CHECK(pt(PTRACE_SINGLESTEP, pid, 0, 0) == 0);
        CHECK(next(pid) == STOPPED(SIGTRAP));
        CHECK(pt(PTRACE_GETREGS, pid, 0, (long)&regs) == 0);
        at += (unsigned long)lengths[i];
        CHECK(regs.rip == at);
        CHECK(!(regs.eflags & 0x100));
        CHECK(pt(PTRACE_GETSIGINFO, pid, 0, (long)&info) == 0 && info.si_signo == SIGTRAP);
        if (i == 3)
            CHECK(regs.rax == (unsigned long)pid);
    }
    finish(pid, 5);
}

/* ---- events ------------------------------------------------------------------------------- */

static void *thread_main(void *arg) { return arg; }

static void run_events(void)
{
    pthread_t t;
    pid_t pid = fork();

    if (pid == 0)
        _exit(3);
    waitpid(pid, NULL, 0);
    pid = vfork();
    if (pid == 0)
        _exit(4);
    waitpid(pid, NULL, 0);
    pthread_create(&t, NULL, thread_main, NULL);
    pthread_join(t, NULL);
    execl("/bin/true", "true", NULL);
    _exit(1);
}

static int next_event(pid_t pid, int sig)
{
    CHECK(pt(PTRACE_CONT, pid, 0, sig) == 0);
    return next(pid);
}

static pid_t new_one(pid_t parent, int event)
{
    unsigned long message = 0;
    int status = next_event(parent, 0);

    if (status != EVENT(event))
        fprintf(stderr, "status %x for event %d\n", status, event);
    CHECK(status == EVENT(event));
    CHECK(pt(PTRACE_GETEVENTMSG, parent, 0, (long)&message) == 0);
    CHECK(next((pid_t)message) == STOPPED(SIGSTOP));
    return (pid_t)message;
}

static void events(void)
{
    pid_t pid = traced(run_events), child;
    unsigned long message = 0;

    CHECK(pt(PTRACE_SETOPTIONS, pid, 0,
             PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                 PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) == 0);
    child = new_one(pid, PTRACE_EVENT_FORK);
    CHECK(next_event(child, 0) == EVENT(PTRACE_EVENT_EXIT));
    CHECK(pt(PTRACE_GETEVENTMSG, child, 0, (long)&message) == 0 && message == 3 << 8);
    CHECK(next_event(child, 0) == 3 << 8);
    CHECK(next_event(pid, 0) == STOPPED(SIGCHLD));
    child = new_one(pid, PTRACE_EVENT_VFORK);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next_event(child, 0) == EVENT(PTRACE_EVENT_EXIT));
    CHECK(next_event(child, 0) == 4 << 8);
    CHECK(next(pid) == EVENT(PTRACE_EVENT_VFORK_DONE));
    CHECK(next_event(pid, 0) == STOPPED(SIGCHLD));
    child = new_one(pid, PTRACE_EVENT_CLONE);
    CHECK(child != pid);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next_event(child, 0) == EVENT(PTRACE_EVENT_EXIT));
    CHECK(next_event(child, 0) == 0);
    CHECK(next(pid) == EVENT(PTRACE_EVENT_EXEC));
    CHECK(pt(PTRACE_GETEVENTMSG, pid, 0, (long)&message) == 0 && message == (unsigned long)pid);
    CHECK(next_event(pid, 0) == EVENT(PTRACE_EVENT_EXIT));
    CHECK(next_event(pid, 0) == 0);
}

/* ---- attaching ---------------------------------------------------------------------------- */

static long status_field(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, name, strlen(name)))
            value = strtol(line + strlen(name), NULL, 10);
    if (f)
        fclose(f);
    return value;
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
}

static void attach(void)
{
    pid_t pid = sleeper();
    int status;

    CHECK_ERR(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
    CHECK_ERR(pt(PTRACE_ATTACH, 0x7fffffff, 0, 0), ESRCH);
    CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
    CHECK(status_field(pid, "TracerPid:") == 0);
    CHECK(pt(PTRACE_ATTACH, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGSTOP));
    CHECK(status_field(pid, "TracerPid:") == getpid());
    CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
    kill(pid, SIGUSR1);
    CHECK(next(pid) == STOPPED(SIGUSR1));
    CHECK(pt(PTRACE_DETACH, pid, 0, 0) == 0);
    CHECK(status_field(pid, "TracerPid:") == 0);
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGKILL);
    CHECK(next(pid) == SIGKILL);
}

static void seize(void)
{
    pid_t pid = sleeper();
    siginfo_t info;

    CHECK_ERR(pt(PTRACE_SEIZE, pid, 1, 0), EIO);
    CHECK(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
    CHECK(waitpid(pid, NULL, WNOHANG | __WALL) == 0);
    CHECK(pt(PTRACE_INTERRUPT, pid, 0, 0) == 0);
    CHECK(next(pid) == EVENT_STOPPED(SIGTRAP));
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    kill(pid, SIGSTOP);
    CHECK(next(pid) == STOPPED(SIGSTOP));
    CHECK(pt(PTRACE_GETSIGINFO, pid, 0, (long)&info) == 0 && info.si_signo == SIGSTOP);
    CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
    CHECK(pt(PTRACE_CONT, pid, 0, SIGSTOP) == 0);
    CHECK(next(pid) == EVENT_STOPPED(SIGSTOP)); /* the stop of the process */
    CHECK(pt(PTRACE_LISTEN, pid, 0, 0) == 0);
    CHECK(waitpid(pid, NULL, WNOHANG | __WALL) == 0);
    kill(pid, SIGCONT);
    CHECK(next(pid) == EVENT_STOPPED(SIGTRAP));
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGCONT));
    CHECK(pt(PTRACE_KILL, pid, 0, 0) == 0);
    CHECK(next(pid) == SIGKILL);
}

/* The stop of a tracee that was not seized, and of one that is stopped already. */
static void group_stop(void)
{
    pid_t pid = sleeper();
    siginfo_t info;
    int status;

    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && status == STOPPED(SIGSTOP));
    CHECK(pt(PTRACE_SEIZE, pid, 0, 0) == 0);
    CHECK(next(pid) == EVENT_STOPPED(SIGSTOP));
    CHECK(pt(PTRACE_DETACH, pid, 0, 0) == 0);
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(pt(PTRACE_ATTACH, pid, 0, 0) == 0);
    CHECK(next(pid) == STOPPED(SIGSTOP));
    CHECK(pt(PTRACE_CONT, pid, 0, SIGSTOP) == 0);
    CHECK(next(pid) == STOPPED(SIGSTOP));
    CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, (long)&info), EINVAL);
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0);
    kill(pid, SIGUSR1);
    CHECK(next(pid) == STOPPED(SIGUSR1)); /* it did go on */
    kill(pid, SIGKILL);
    CHECK(next(pid) == SIGKILL);
}

/* A tracer that isn't the parent: it hears of the end first.  Its own end sets free. */
static void stranger(void)
{
    pid_t pid = sleeper(), tracer;
    int status, to[2], from[2];
    char c;

    CHECK(pipe(to) == 0 && pipe(from) == 0);
    tracer = fork();
    if (tracer == 0) {
        if (pt(PTRACE_SEIZE, pid, 0, 0))
            _exit(1);
        write(from[1], "a", 1);
        read(to[0], &c, 1); /* the parent has killed it */
        if (waitpid(pid, &status, __WALL) != pid || status != SIGKILL)
            _exit(2);
        _exit(errno ? 0 : 0);
    }
    CHECK(read(from[0], &c, 1) == 1);
    CHECK(status_field(pid, "TracerPid:") == tracer);
    kill(pid, SIGKILL);
    usleep(50000);
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    write(to[1], "b", 1);
    CHECK(next(pid) == SIGKILL);
    CHECK(waitpid(tracer, &status, 0) == tracer && status == 0);

    pid = sleeper();
    tracer = fork();
    if (tracer == 0) {
        if (pt(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, &status, __WALL) != pid)
            _exit(1);
        _exit(0);
    }
    CHECK(waitpid(tracer, &status, 0) == tracer && status == 0);
    CHECK(status_field(pid, "TracerPid:") == 0);
    kill(pid, SIGTERM);
    CHECK(next(pid) == SIGTERM);

    pid = sleeper();
    tracer = fork();
    if (tracer == 0)
        _exit(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL) != 0);
    CHECK(waitpid(tracer, &status, 0) == tracer && status == 0);
    CHECK(next(pid) == SIGKILL);
}

static void permission(void)
{
    int ready[2];
    char c;

    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], &c, 1) == 1);
    if (geteuid() != 0) {
        CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
    }
    kill(pid, SIGKILL);
    CHECK(next(pid) == SIGKILL);
    pid = sleeper();
    CHECK(pt(PTRACE_SEIZE, pid, 0, 0) == 0);
    CHECK_ERR(pt(PTRACE_GETREGS, pid, 0, 0), ESRCH); /* isn't stopped */
    kill(pid, SIGKILL);
    CHECK(next(pid) == SIGKILL);
}

int main(void)
{
    alarm(300);
    signals();
    memory();
    calls();
    steps();
    events();
    attach();
    seize();
    group_stop();
    stranger();
    permission();
    return check_result();
}
