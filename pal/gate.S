/* The gate: the one page, and the one instruction, through which the host is reached.
 *
 * The monitor's filter allows its list only from this page; but nothing rests on that:
 * the list must hold when this instruction is reached with registers of an attacker's
 * choice (docs/security.md).
 */
    .section .gate, "ax", @progbits

/* long gate(long nr, long a1, long a2, long a3, long a4, long a5, long a6)
 * Clobbers what a system call clobbers.  A clone child returns here on its own stack
 * and `ret` takes it to the address put there. */
    .globl gate
    .type gate, @function
gate:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
gate_syscall:
    syscall
    ret
    .size gate, . - gate

/* Where host signal handlers return to. */
    .globl gate_restorer
    .type gate_restorer, @function
gate_restorer:
    mov $15, %eax
    jmp gate_syscall
    .size gate_restorer, . - gate_restorer

/* struct image_header, read by the monitor before it starts the image. */
    .org 0x800
    .globl image_header
image_header:
    .quad 0x31474d4959454c42 /* "BLEYIMG1" */
    .quad pal_enter
    .quad host_signal
    .quad gate_restorer
    .quad image_build_id
    .quad 0, 0, 0
    .org 0x1000
    .section .note.GNU-stack, "", @progbits
