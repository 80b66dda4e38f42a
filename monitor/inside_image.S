/* The inside image as part of this executable: page-aligned, so that its text can be
 * mapped from the executable file and is shared by all sandboxes of the machine. */
    .section .rodata.inside_image, "a", @progbits
    .balign 4096
    .globl inside_image_start
inside_image_start:
    .incbin INSIDE_ELF
    .balign 4096
    .section .note.GNU-stack, "", @progbits
