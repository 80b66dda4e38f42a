/* Planning the rewriting of a system-call site: pure functions on bytes.
 *
 * A site is the address of a `syscall` instruction, or of CPUID, which stays.  The nearest
 * instruction before it that has at least 5 bytes is replaced by `jmp rel32`; it and
 * those between it and the site are copied to a trampoline.  Only bytes of that one
 * instruction change, so every program counter that may be about to run is still at a
 * whole instruction.  Where there is no such instruction, the two before the site
 * together may make room; then no thread may be between them while they change.
 * Boundaries are found by decoding forward from a known function start, never backward.
 */
#ifndef BAILEY_PAL_REWRITE_PLAN_H
#define BAILEY_PAL_REWRITE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STOLEN_MAX 5

struct rewrite_plan {
    uint64_t patch;             /* address of the first stolen instruction */
    uint8_t count;              /* instructions stolen */
    bool split;                 /* the jump covers more than the first of them */
    uint8_t at[STOLEN_MAX + 1]; /* their offsets from patch; at[count] is the site's */
};

/* Writes the stolen instructions as they must read at address `to` (relative operands
 * and short jumps adjusted) into out, room bytes; code holds them from plan->patch on.
 * moved[i] receives the offset of instruction i.  Bytes written, 0 if out of reach. */
size_t rewrite_move(const struct rewrite_plan *plan, const uint8_t *code, uint64_t to, uint8_t *out,
                    size_t room, uint8_t moved[STOLEN_MAX + 1]);

struct insn {
    uint8_t length; /* 0: not an instruction we know, or cut off */
    bool rip_relative;
    bool transfers; /* jump, call, return, loop, interrupt: not to be moved */
    bool indirect;  /* a jump to where a register or memory says */
    bool has_target;
    bool conditional; /* a conditional relative jump, by `condition` */
    uint8_t condition;
    uint8_t displacement; /* offset of the 4-byte displacement if rip_relative */
    int64_t target;       /* of a relative jump or call, from the instruction's first byte */
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
