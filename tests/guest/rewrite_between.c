/* A signal comes between two short instructions before a system call, and its handler makes the
 * same call very often: it returns to the second of them, whatever became of the first. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define TRAP_FLAG 0x100L
#define OFTEN     100

/* The call numbered last + 1.  The five bytes before it are of two instructions. */
long next_call(long last);
long stepped_next_call(long last); /* with a SIGTRAP after each instruction */
extern const char between[];
__asm__(".pushsection .text\n"
        ".globl next_call, stepped_next_call, between\n"
        ".type next_call, @function\n"
        "next_call:\n"
        ".cfi_startproc\n"
        "nop\n"
        "xor %edx, %edx\n"
        "between:\n"
        "lea 1(%rdi), %eax\n"
        "syscall\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size next_call, . - next_call\n"
        "stepped_next_call:\n"
        "pushf\n"
        "orl $0x100, (%rsp)\n"
        "popf\n"
        "jmp next_call\n"
        ".popsection\n");

static volatile int steps, calls;

static void on_step(int sig, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    const pid_t self = getpid();

    (void)sig, (void)info;
    steps++;
    if (regs[REG_RIP] != (greg_t)between)
        return;
    regs[REG_EFL] &= ~TRAP_FLAG;
    for (int i = 0; i < OFTEN; i++)
        calls += next_call(SYS_getpid - 1) == self;
}

int main(void)
{
    struct sigaction act = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    const pid_t self = getpid();

    sigaction(SIGTRAP, &act, NULL);
    long rc = stepped_next_call(SYS_getpid - 1);
    printf("stepped: %s, within the handler %d calls\n", rc == self ? "right" : "wrong", calls);
    printf("again: %s\n", next_call(SYS_getpid - 1) == self ? "right" : "wrong");
    return steps > 2 ? 0 : 1;
}
