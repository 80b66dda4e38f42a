/* The vDSO's file, on pages of its own that programs are pointed to. */
    .section .vdso_image, "ax", @progbits
    .incbin VDSO_FILE
    .section .note.GNU-stack, "", @progbits
