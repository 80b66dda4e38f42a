/* The way in and the way out.
 *
 * In: a rewritten call site jumps to syscall_entry with rcx = return address and
 * everything else as at the `syscall`; nothing has been pushed on the program's stack.
 * Trapped calls, faults and interrupts come through host_signal() (signal.c), which
 * fills struct regs itself and continues at upcall_exception.
 *
 * Out: everything between exit_begin and exit_end only reads struct regs, so an
 * interrupt there simply starts it again (exit_restart); the check of t->attention is
 * inside, so nothing that arrives before the last instruction is missed.
 *
 * Vector registers are never touched: they stay the program's all the time.
 */
#define T_USER_RSP 0x08
#define T_STACK_TOP 0x10
#define T_ATTENTION 0x20
#define T_STATE 0x24
#define T_USER_GS 0x30
#define T_REGS 0x38
#define T_CPUID_BACK 0x58

#define R15 0
#define R14 8
#define R13 16
#define R12 24
#define RBP 32
#define RBX 40
#define R11 48
#define R10 56
#define R9 64
#define R8 72
#define RAX 80
#define RCX 88
#define RDX 96
#define RSI 104
#define RDI 112
#define ORIG_RAX 120
#define RIP 128
#define CS 136
#define EFLAGS 144
#define RSP 152
#define SS 160

#define ATTN_GS 16
#define EFLAGS_TF 0x100

/* A struct regs on the library-OS stack, for code that was jumped to from the program: down to
 * the code segment, and from rbx on. */
    .macro frame_begin
    mov %rsp, %gs:T_USER_RSP
    mov %gs:T_STACK_TOP, %rsp
    pushq $0x2b
    pushq %gs:T_USER_RSP
    pushfq
    cld
    pushq $0x33
    .endm
    .macro frame_end
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .text
    .globl syscall_entry, syscall_entry_end
    .balign 64
syscall_entry:
    frame_begin
    push %rcx
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push EFLAGS - R10(%rsp)
    frame_end
syscall_entry_end:
    movl $1, %gs:T_STATE
    mov %rsp, %rdi
    call syscall_dispatch

/* rsp = t->regs from here on. */
    .globl exit_restart, exit_begin, exit_end
exit_loop:
    cmpl $0, %gs:T_ATTENTION
    jne exit_slow
exit_restart:
exit_begin:
    movl $0, %gs:T_STATE
    cmpl $0, %gs:T_ATTENTION
    jne exit_slow
    mov RIP(%rsp), %rcx
    mov EFLAGS(%rsp), %r11
    cmp RCX(%rsp), %rcx
    jne exit_full
    cmp R11(%rsp), %r11
    jne exit_full
    mov R15(%rsp), %r15
    mov R14(%rsp), %r14
    mov R13(%rsp), %r13
    mov R12(%rsp), %r12
    mov RBP(%rsp), %rbp
    mov RBX(%rsp), %rbx
    mov R10(%rsp), %r10
    mov R9(%rsp), %r9
    mov R8(%rsp), %r8
    mov RAX(%rsp), %rax
    mov RDX(%rsp), %rdx
    mov RSI(%rsp), %rsi
    mov RDI(%rsp), %rdi
    push %r11
    popfq
    mov RSP(%rsp), %rsp
    jmp *%rcx

/* Registers differ from what a system call leaves: iretq restores all of them. */
exit_full:
    mov R15(%rsp), %r15
    mov R14(%rsp), %r14
    mov R13(%rsp), %r13
    mov R12(%rsp), %r12
    mov RBP(%rsp), %rbp
    mov RBX(%rsp), %rbx
    mov R11(%rsp), %r11
    mov R10(%rsp), %r10
    mov R9(%rsp), %r9
    mov R8(%rsp), %r8
    mov RAX(%rsp), %rax
    mov RCX(%rsp), %rcx
    mov RDX(%rsp), %rdx
    mov RSI(%rsp), %rsi
    mov RDI(%rsp), %rdi
    lea RIP(%rsp), %rsp
    iretq

/* The program owns gs and nothing else needs attention.  The check has been made in
 * the window; wrgsbase is the last use of ours. */
exit_gs:
    mov %gs:T_USER_GS, %rax
    wrgsbase %rax
    jmp exit_full
exit_slow:
    cmpl $ATTN_GS, %gs:T_ATTENTION
    je exit_gs
exit_end:
    movl $1, %gs:T_STATE
    mov %rsp, %rdi
    call exit_work
    jmp exit_loop

/* _Noreturn void exit_to_program(struct thread *t) */
    .globl exit_to_program
exit_to_program:
    mov T_REGS(%rdi), %rsp
    jmp exit_loop

/* A rewritten CPUID instruction: everything as there, and t->cpuid_back says where it ends. */
    .globl cpuid_entry
cpuid_entry:
    frame_begin
    pushq %gs:T_CPUID_BACK
    pushq $-1 /* no system call */
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    frame_end
    movl $1, %gs:T_STATE
    mov %rsp, %rdi
    call cpuid_dispatch
    jmp exit_loop

/* A new host thread arrives here from the gate, on its library-OS stack. */
    .globl thread_start_asm
thread_start_asm:
    mov %rsp, %rdi
    and $-0x20000, %rdi
    xor %ebp, %ebp
    and $-16, %rsp
    call pal_thread_main
    ud2

/* Ends the host process, whose signal stack has been moved out of the slot: the slot is
 * free from the store on, so nothing is written to it after.  (The kernel clears host_tid
 * only while others share the memory.) */
    .globl space_exit_asm
space_exit_asm:
    movl $0, %gs:0x2c
    mov $231, %edi
    xor %esi, %esi
    jmp gate
    .section .note.GNU-stack, "", @progbits
