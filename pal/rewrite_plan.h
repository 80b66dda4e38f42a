/* Planning the rewriting of a system-call site: pure functions on bytes.
 *
 * A site is the address of a `syscall` instruction.  What is stolen is the one
 * instruction before it if that has at least 5 bytes, else the two before it; they are
 * copied to a trampoline and replaced by `jmp rel32`.  The `syscall` itself stays.
 * Boundaries are found by decoding forward from a known function start, never backward.
 */
#ifndef BAILEY_PAL_REWRITE_PLAN_H
#define BAILEY_PAL_REWRITE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rewrite_plan {
    uint64_t patch;    /* address of the first stolen instruction */
    uint8_t stolen;    /* bytes stolen: patch + stolen == site */
    uint8_t count;     /* instructions stolen: 1 or 2 */
    uint8_t bytes[30]; /* the stolen instructions, position-independent */
};

struct insn {
    uint8_t length; /* 0: not an instruction we know, or cut off */
    bool rip_relative;
    bool transfers; /* jump, call, return, loop, interrupt: not to be moved */
    bool indirect;  /* a jump to where a register or memory says */
    bool has_target;
    int64_t target; /* of a relative jump or call, from the instruction's first byte */
};
/* Decodes the 64-bit instruction at p, of which n bytes are readable. */
struct insn insn_decode(const uint8_t *p, size_t n);

/* code: the bytes at addresses [start, start + len), start being an instruction boundary
 * and the site lying inside.  False if the site cannot be rewritten safely. */
bool rewrite_plan(const uint8_t *code, size_t len, uint64_t start, uint64_t site,
                  struct rewrite_plan *out);

/* Reads n bytes of an ELF file at an offset; bytes read or negative. */
struct code_reader {
    long (*read)(void *ctx, uint64_t offset, void *buf, size_t n);
    void *ctx;
    uint64_t size; /* of the file */
};

/* File offsets [start, end) of the function that holds file offset `at`, from
 * .eh_frame_hdr, .dynsym or .symtab.  The file is untrusted.  False if unknown. */
bool code_range(const struct code_reader *r, uint64_t at, uint64_t *start, uint64_t *end);

#endif
