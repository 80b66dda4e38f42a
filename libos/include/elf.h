/* Parsing of ELF program files: pure functions on bytes, fuzzed.  proc/elf.c */
#ifndef LIBOS_ELF_H
#define LIBOS_ELF_H

#include "types.h"

#define ELF_SEGMENTS_MAX   64
#define ELF_IDENTITY_BYTES 64   /* what every ELF file begins with */
#define ELF_HEADER_BYTES   4096 /* the part of the file the parser wants to see first */

struct elf_segment {
    u64 vaddr, memsz, filesz, offset, align;
    u32 prot; /* PROT_* */
};

struct elf_header { /* a checked, executable x86-64 file */
    bool pie;
    bool exec_stack;
    u64 entry, phoff, phdr_vaddr; /* phdr_vaddr 0: not mapped */
    u32 phnum;
    u32 nsegments;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* PT_LOAD in file order */
    u64 interp_offset;
    u32 interp_size; /* 0: none */
    u64 low, high;   /* page-rounded extent of all segments */
    u64 max_align;
};

/* file_size bounds every offset.  buf holds the first `n` bytes of the file; program
 * headers must lie within ELF_HEADER_BYTES as in Linux.  0, -ENOEXEC for what is no
 * x86-64 ELF program, -EINVAL for one that contradicts itself. */
long elf_parse(const void *buf, size_t n, u64 file_size, struct elf_header *h);

#endif
