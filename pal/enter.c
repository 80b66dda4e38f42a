/* A host process becomes the first of a sandbox.
 *
 * The monitor has mapped everything of the inside range, installed our signal handler and the
 * filter, and jumped here on the stack that is there for the last instructions: that of slot 0 may
 * be one of those that are being filled.  While the monitor is at that, what is left of its own
 * memory in this process goes.  Then it sends its word, with the files of a resume, and gets the
 * filter's listener (abi/gate.h). */
#include "../abi/boot.h"
#include "../abi/gate.h"
#include "../abi/host_abi.h"
#include "../abi/layout.h"
#include "enter.h"
#include "host_numbers.h"

long gate(long nr, long a1, long a2, long a3, long a4, long a5, long a6);

#define EINTR      4
#define SOL_SOCKET 1
#define SCM_RIGHTS 1

/* unix(7): a control message of descriptors. */
struct passed {
    uint64_t size;
    int32_t level, type;
    int32_t fds[BOOT_OPENED_MAX];
};
#define PASSED(count) (offsetof(struct passed, fds) + (count) * sizeof(int32_t))

/* recvmsg(2). */
struct message {
    void *name;
    uint64_t name_size;
    struct host_iovec *iov;
    uint64_t iov_count;
    struct passed *control;
    uint64_t control_size;
    int64_t flags;
};

/* The files of a resume got their places in the message; now they get their numbers. */
static void take_opened(struct boot_info *boot, const struct passed *passed)
{
    for (uint32_t i = 0; i < BOOT_OPENED_MAX && i < boot->opened_count; i++) {
        struct boot_opened *o = &boot_opened(boot)[i];
        int32_t place = o->handle;
        bool came = place >= 0 && PASSED((uint64_t)place + 1) <= passed->size;
        o->handle = came ? passed->fds[place] : -1;
    }
}

_Noreturn void pal_enter(int listener, int pid)
{
    struct boot_info *boot = (struct boot_info *)(SEG_BASE + SEG_BOOT);
    char byte = 0;
    struct host_iovec iov = {&byte, 1};
    struct passed passed = {.size = 0};
    struct message m = {NULL, 0, &iov, 1, &passed, sizeof(passed), 0};
    long n;

    gate(HOST_NR_munmap, 0, INSIDE_BASE, 0, 0, 0, 0);
    gate(HOST_NR_munmap, INSIDE_END, USER_MAX - INSIDE_END, 0, 0, 0, 0);
    while ((n = gate(HOST_NR_recvmsg, GATE_FD_REPORT, (long)&m, 0, 0, 0, 0)) == -EINTR)
        ;
    if (n <= 0) /* the monitor could not say all */
        gate(HOST_NR_exit_group, 1, 0, 0, 0, 0, 0);
    take_opened(boot, &passed);
    /* Reading first maps all pages there are of the stack, writing one at a time. */
    (void)*(volatile char *)(SEG_BASE + SEG_SLOTS + SLOT_SIZE - 1);
    boot->host_pid = pid; /* interrupts name it */
    *(uint32_t *)(SEG_BASE + SEG_SLOTS + SLOT_HOST_TID) = (uint32_t)pid;
    m.control_size = PASSED(1);
    passed = (struct passed){PASSED(1), SOL_SOCKET, SCM_RIGHTS, {listener}};
    gate(HOST_NR_sendmsg, GATE_FD_REPORT, (long)&m, 0, 0, 0, 0);
    gate(HOST_NR_close, listener, 0, 0, 0, 0, 0);
    gate(HOST_NR_close, GATE_FD_REPORT, 0, 0, 0, 0, 0);
    __asm__ volatile("mov %0, %%rsp\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call pal_start\n\t"
                     "ud2"
                     :
                     /* Room for struct regs at the top. */
                     : "r"(SEG_BASE + SEG_SLOTS + SLOT_SIZE - 1024), "D"(boot)
                     : "memory");
    __builtin_unreachable();
}
