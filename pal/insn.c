/* Lengths of x86-64 instructions, and what can be said about them without knowing what
 * they do.  Intel SDM volume 2, appendix A (opcode maps), chapter 2 (prefixes, VEX, EVEX).
 *
 * One string per opcode map, a character per opcode:
 *   .  no operand bytes          m  ModRM            b  8-bit immediate
 *   z  16/32-bit immediate       w  16-bit immediate q  16-bit and 8-bit (enter)
 *   B  ModRM + 8-bit             Z  ModRM + 16/32    v  16/32/64-bit (mov)
 *   a  address of 8 bytes        3  ModRM + 8-bit if reg is 0 or 1 (test)
 *   7  ModRM + 16/32-bit if reg is 0 or 1            r  jump, 8-bit   R  jump, 32-bit
 *   x  ends the flow, no operand  X  same with 16-bit   i  interrupt, 8-bit
 *   f  ModRM, group 5: may jump  p  prefix           -  invalid
 */
#include "rewrite_plan.h"

static const char one_byte[257] = "mmmmbz--mmmmbz-0" /* 00: 0f is the escape */
                                  "mmmmbz--mmmmbz--" /* 10 */
                                  "mmmmbzp-mmmmbzp-" /* 20 */
                                  "mmmmbzp-mmmmbzp-" /* 30 */
                                  "pppppppppppppppp" /* 40: REX */
                                  "................" /* 50 */
                                  "--pmppppzZbB...." /* 60 */
                                  "rrrrrrrrrrrrrrrr" /* 70 */
                                  "BZ-Bmmmmmmmmmmmm" /* 80 */
                                  "..........-....." /* 90 */
                                  "aaaa....bz......" /* a0 */
                                  "bbbbbbbbvvvvvvvv" /* b0 */
                                  "BBXxppBZq.Xxxi-x" /* c0: c4, c5 VEX */
                                  "mmmm---.mmmmmmmm" /* d0 */
                                  "rrrrbbbbRR-r...." /* e0 */
                                  "p.pp..37......mf" /* f0 */;

static const char two_byte[257] = "mmmm-x....-x-m.B" /* 00 */
                                  "mmmmmmmmmmmmmmmm" /* 10 */
                                  "mmmm----mmmmmmmm" /* 20 */
                                  "....xx-.--------" /* 30: 38, 3a are maps */
                                  "mmmmmmmmmmmmmmmm" /* 40 */
                                  "mmmmmmmmmmmmmmmm" /* 50 */
                                  "mmmmmmmmmmmmmmmm" /* 60 */
                                  "BBBBmmm.mmmmmmmm" /* 70 */
                                  "RRRRRRRRRRRRRRRR" /* 80 */
                                  "mmmmmmmmmmmmmmmm" /* 90 */
                                  "...mBm--...mBmmm" /* a0 */
                                  "mmmmmmmmmmBmmmmm" /* b0 */
                                  "mmBmBBBm........" /* c0 */
                                  "mmmmmmmmmmmmmmmm" /* d0 */
                                  "mmmmmmmmmmmmmmmm" /* e0 */
                                  "mmmmmmmmmmmmmmmm" /* f0 */;

struct cursor {
    const uint8_t *p;
    size_t n, at;
    bool bad;
    bool operand16, address32, rex_w;
};

static uint8_t next(struct cursor *c)
{
    if (c->at >= c->n || c->at >= 15) {
        c->bad = true;
        return 0;
    }
    return c->p[c->at++];
}

static void skip(struct cursor *c, size_t bytes)
{
    c->at += bytes;
    if (c->at > c->n || c->at > 15)
        c->bad = true;
}

/* Takes ModRM, SIB and displacement; returns the ModRM byte. */
static uint8_t modrm(struct cursor *c, struct insn *in)
{
    uint8_t m = next(c), mod = m >> 6, rm = m & 7;

    if (mod == 3)
        return m;
    if (rm == 4) {
        uint8_t base = next(c) & 7;
        if (mod == 0 && base == 5)
            skip(c, 4);
    } else if (mod == 0 && rm == 5) {
        in->rip_relative = true;
        in->displacement = (uint8_t)c->at;
        skip(c, 4);
    }
    skip(c, mod == 1 ? 1 : mod == 2 ? 4 : 0);
    return m;
}

static int64_t relative(struct cursor *c, size_t size)
{
    uint32_t v = 0;

    for (size_t i = 0; i < size; i++)
        v |= (uint32_t)next(c) << (8 * i);
    return (int64_t)c->at + (size == 1 ? (int8_t)v : (int32_t)v);
}

/* The operand bytes of one opcode of a map. */
static void operands(struct cursor *c, struct insn *in, char kind)
{
    size_t z = c->operand16 ? 2 : 4;
    uint8_t m;

    switch (kind) {
    case '.':
        break;
    case 'm':
        modrm(c, in);
        break;
    case 'b':
        skip(c, 1);
        break;
    case 'z':
        skip(c, z);
        break;
    case 'w':
        skip(c, 2);
        break;
    case 'q':
        skip(c, 3);
        break;
    case 'B':
        modrm(c, in);
        skip(c, 1);
        break;
    case 'Z':
        modrm(c, in);
        skip(c, z);
        break;
    case 'v':
        skip(c, c->rex_w ? 8 : z);
        break;
    case 'a':
        skip(c, c->address32 ? 4 : 8);
        break;
    case '3':
        m = modrm(c, in);
        skip(c, (m >> 3 & 7) < 2 ? 1 : 0);
        break;
    case '7':
        m = modrm(c, in);
        skip(c, (m >> 3 & 7) < 2 ? z : 0);
        break;
    case 'r':
    case 'R':
        in->conditional = kind == 'r' && (c->p[c->at - 1] & 0xf0) == 0x70;
        in->condition = c->p[c->at - 1] & 15;
        in->transfers = in->has_target = true;
        in->target = relative(c, kind == 'r' ? 1 : 4);
        break;
    case 'x':
        in->transfers = true;
        break;
    case 'X':
        in->transfers = true;
        skip(c, 2);
        break;
    case 'i':
        in->transfers = true;
        skip(c, 1);
        break;
    case 'f':
        m = modrm(c, in);
        in->transfers = (m >> 3 & 7) >= 2 && (m >> 3 & 7) <= 5;
        in->indirect = (m >> 3 & 7) == 4 || (m >> 3 & 7) == 5;
        break;
    default:
        c->bad = true;
    }
}

/* Opcode maps behind 0f, VEX and EVEX by number: 1 = 0f, 2 = 0f 38, 3 = 0f 3a. */
static void vector_map(struct cursor *c, struct insn *in, unsigned map, bool vex)
{
    uint8_t op = next(c);

    if (map == 1) {
        if (vex && op == 0x77) /* vzeroupper */
            return;
        /* Only the immediates are of interest: every other one has a ModRM byte. */
        operands(c, in, two_byte[op] == 'B' ? 'B' : 'm');
    } else {
        operands(c, in, map == 3 ? 'B' : 'm');
    }
}

static void vex(struct cursor *c, struct insn *in, uint8_t op)
{
    unsigned map = 1;

    if (op == 0x62) { /* EVEX */
        map = next(c) & 7;
        skip(c, 2);
    } else if (op == 0xc4) {
        map = next(c) & 31;
        skip(c, 1);
    } else {
        skip(c, 1);
    }
    vector_map(c, in, map, true);
}

static void escape(struct cursor *c, struct insn *in, bool repne)
{
    uint8_t op = next(c);

    if (op == 0x38) {
        next(c);
        modrm(c, in);
    } else if (op == 0x3a) {
        next(c);
        modrm(c, in);
        skip(c, 1);
    } else if (op == 0x78 && (c->operand16 || repne)) { /* extrq, insertq */
        modrm(c, in);
        skip(c, 2);
    } else if (op >= 0x80 && op <= 0x8f) {
        in->conditional = true;
        in->condition = op & 15;
        in->transfers = in->has_target = true;
        in->target = relative(c, 4);
    } else {
        operands(c, in, two_byte[op]);
    }
}

/* AMD's XOP shares 8f with pop: a map number of 8 and more tells. */
static bool xop(struct cursor *c, struct insn *in)
{
    unsigned map;

    if (c->at >= c->n || (c->p[c->at] & 31) < 8)
        return false;
    map = next(c) & 31;
    skip(c, 2);
    modrm(c, in);
    skip(c, map == 8 ? 1 : map == 10 ? 4 : 0);
    return true;
}

struct insn insn_decode(const uint8_t *p, size_t n)
{
    struct cursor c = {.p = p, .n = n};
    struct insn in = {0};
    bool repne = false;
    uint8_t op;

    for (;;) {
        op = next(&c);
        if (c.bad || one_byte[op] != 'p' || op == 0x62 || op == 0xc4 || op == 0xc5)
            break;
        c.operand16 |= op == 0x66;
        c.address32 |= op == 0x67;
        repne |= op == 0xf2;
        c.rex_w = (op & 0xf8) == 0x48;
    }
    if (c.rex_w)
        c.operand16 = false;
    if (op == 0x62 || op == 0xc4 || op == 0xc5)
        vex(&c, &in, op);
    else if (op == 0x0f)
        escape(&c, &in, repne);
    else if (op != 0x8f || !xop(&c, &in))
        operands(&c, &in, one_byte[op]);
    if (!c.bad)
        in.length = (uint8_t)c.at;
    return in;
}
