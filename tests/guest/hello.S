/* Static, no libc: write(1, ...), a call that does not exist, exit(42 - 42). */
    .globl _start
_start:
    mov $3, %ebx
1:  mov $1, %eax
    mov $1, %edi
    lea text(%rip), %rsi
    mov $6, %edx
    syscall
    cmp $6, %rax
    jne fail
    dec %ebx
    jnz 1b
    mov $400, %eax
    syscall
    cmp $-38, %rax
    jne fail
    xor %edi, %edi
2:  mov $60, %eax
    syscall
fail:
    mov $1, %edi
    jmp 2b
    .section .rodata
text: .ascii "hello\n"
    .section .note.GNU-stack, "", @progbits
