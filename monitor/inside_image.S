/* The inside image as data of the executable; INSIDE_ELF is its file name. */
    .section .rodata.inside, "a"
    .balign 4096
    .globl inside_image, inside_image_end
    .hidden inside_image, inside_image_end
inside_image:
    .incbin INSIDE_ELF
inside_image_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
