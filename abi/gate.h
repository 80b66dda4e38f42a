/* What monitor and PAL agree on below the contract: the gate page, the image header,
 * descriptor numbers inside, and the exact argument words the host filter lets through.
 *
 * The gate is the page at IMAGE_BASE.  Function at its start:
 *     long gate(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
 * in the System V convention (a6 on the stack); it holds the only `syscall` instruction
 * of the image.  Outside the gate page every system call traps (SIGSYS); inside it, what
 * is not listed below kills the sandbox.
 */
#ifndef BAILEY_ABI_GATE_H
#define BAILEY_ABI_GATE_H

#include <stdint.h>

#define GATE_SIZE           0x1000UL
#define IMAGE_HEADER_OFFSET 0x800UL               /* of struct image_header in the gate page */
#define IMAGE_MAGIC         0x31474d4959454c42ULL /* "BLEYIMG1" */

struct image_header {
    uint64_t magic;
    uint64_t entry;           /* void entry(int listener, int pid), on the top of the exit stack */
    uint64_t signal_handler;  /* of SIGSYS, faults and GATE_INTERRUPT_SIGNAL */
    uint64_t signal_restorer; /* executes rt_sigreturn through the gate */
    uint64_t build_id;        /* the linker's note of it (elf(5)): a SHA-1 over the image */
    uint64_t reserved[3];
};

/* Host signals: installed by the monitor's child before the filter, with SA_SIGINFO,
 * SA_ONSTACK, SA_RESTORER and every signal masked while a handler runs.  SIGSYS, SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP and this one; SIGPIPE and SIGXFSZ are ignored (writes
 * return EPIPE, EFBIG), as is what the caller ignored; all others have their default action. */
#define GATE_INTERRUPT_SIGNAL 23 /* SIGURG */

/* The beginning: the monitor's child sends a message on GATE_FD_REPORT if it fails.  Behind the
 * filter it waits there for a byte, which comes when boot_info is filled, with descriptors of the
 * files of boot_info.opened whose handles are places in their row; and answers with a byte and the
 * filter's listener (pal/enter.c). */

/* Descriptors every picoprocess has.  close() of those below GATE_FD_FIRST is refused.
 *
 * The lifeline is a pipe whose end kills the sandbox's process group.  The kernel signals the
 * members one after the other, without a lock against fork: a process whose parent comes late in
 * that row is missed.  So a new process looks at the lifeline first of all (pal/threads.c), and
 * for those that don't there is a second reader, for which the kernel goes through the row again.
 */
#define GATE_FD_LIFELINE       0
#define GATE_FD_SEGMENT        1
#define GATE_FD_POOL           2
#define GATE_FD_POLL           3 /* epoll; boot_info.poll_handle */
#define GATE_FD_KICK           4 /* eventfd, in it for EPOLLIN with cookie GATE_KICK_COOKIE */
#define GATE_FD_PROBE          5 /* a second epoll, empty; boot_info.probe_handle */
#define GATE_FD_LIFELINE_AGAIN 6
#define GATE_FD_FIRST          7
#define GATE_FD_STDIN          7 /* boot_info.stdio[0].handle, or closed */
#define GATE_FD_STDOUT         8
#define GATE_FD_STDERR         9
#define GATE_FD_TRACE          10
#define GATE_FD_DIFF           11
#define GATE_FD_RUNS           12 /* boot_info.runs_handle */
#define GATE_FD_REPORT         13 /* to the monitor, until the sandbox has begun */
#define GATE_FD_PAGES          14 /* boot_info.pages_handle, and those that follow it */
#define GATE_KICK_COOKIE       (~0ULL)

/* clone: two exact flag words.  Threads: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM,
 * PARENT_SETTID, CHILD_CLEARTID.  Address spaces: FILES, PARENT, PARENT_SETTID,
 * CHILD_CLEARTID and SIGCHLD; they share the descriptor table and are the monitor's
 * children.  In both the child starts on the stack given. */
#define GATE_CLONE_THREAD 0x00350f00UL
#define GATE_CLONE_FORK   0x00308411UL

/* mmap: one of these, and any of GATE_MMAP_EXTRA.  mprotect and mmap: prot <= 7. */
#define GATE_MMAP_PRIVATE_ANON 0x32U   /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED */
#define GATE_MMAP_PRIVATE_FILE 0x12U   /* MAP_PRIVATE | MAP_FIXED */
#define GATE_MMAP_SHARED_FILE  0x11U   /* MAP_SHARED | MAP_FIXED */
#define GATE_MMAP_EXTRA        0xc000U /* MAP_NORESERVE | MAP_POPULATE */

/* mremap: MAYMOVE | FIXED, alone or with DONTUNMAP; or 0 (in place). */
#define GATE_MREMAP_MOVE 0x3U
#define GATE_MREMAP_KEEP 0x7U

/* futex: shared, deadlines absolute on CLOCK_MONOTONIC. */
#define GATE_FUTEX_WAIT  9U /* FUTEX_WAIT_BITSET */
#define GATE_FUTEX_WAKE  1U /* FUTEX_WAKE */

#define GATE_READ_FLAGS  0x8U  /* RWF_NOWAIT */
#define GATE_WRITE_FLAGS 0x18U /* RWF_NOWAIT | RWF_APPEND */

/* epoll_ctl and epoll_pwait: only on GATE_FD_POLL and GATE_FD_PROBE; epoll_pwait with a
 * NULL signal mask. */

#endif
