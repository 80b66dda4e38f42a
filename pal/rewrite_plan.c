/* Which instructions before a `syscall` may move to a trampoline, and how they read there. */
#include "rewrite_plan.h"

#define JUMP 5 /* bytes of jmp rel32 */

/* A jump anywhere in the function to strictly inside (from, to) forbids changing that.
 * One through a table may lead to any boundary, so also to one the jump would cover. */
static bool jumped_into(const uint8_t *code, size_t len, size_t from, size_t to, size_t site,
                        bool split)
{
    for (size_t at = 0; at < len;) {
        struct insn in = insn_decode(code + at, len - at);
        if (!in.length)
            return at < site; /* undecodable tail behind the site: data or the end */
        if (in.indirect && split)
            return true;
        if (in.has_target) {
            int64_t target = (int64_t)at + in.target;
            if (target > (int64_t)from && target < (int64_t)to)
                return true;
        }
        at += in.length;
    }
    return false;
}

/* rt_sigreturn: unwinders and debuggers know signal frames by the bytes the restorer
 * returns to.  Its unwind entry moreover begins one byte early, in the padding before,
 * so that decoding from there goes astray. */
static bool is_sigreturn(const uint8_t *code, size_t site)
{
    const uint8_t *p = code + (site >= 5 ? site - 5 : 0);

    return site >= 5 && (p[0] == 0xb8 || p[0] == 0xc0) && p[1] == 15 && !p[2] && !p[3] && !p[4];
}

static bool movable(const struct insn *in)
{
    return in->length && (!in->transfers || in->conditional);
}

/* The last STOLEN_MAX instructions before the site, nearest first. */
struct tail {
    size_t at[STOLEN_MAX];
    struct insn in[STOLEN_MAX];
    unsigned n;
};

static bool decode_to(const uint8_t *code, size_t len, size_t end, struct tail *t)
{
    size_t at = 0;

    t->n = 0;
    while (at < end) {
        struct insn in = insn_decode(code + at, len - at);
        if (!in.length)
            return false;
        for (unsigned i = STOLEN_MAX - 1; i > 0; i--) {
            t->at[i] = t->at[i - 1];
            t->in[i] = t->in[i - 1];
        }
        t->at[0] = at;
        t->in[0] = in;
        if (t->n < STOLEN_MAX)
            t->n++;
        at += in.length;
    }
    return at == end && len - end >= 2 && code[end] == 0x0f &&
           (code[end + 1] == 0x05 || code[end + 1] == 0xa2);
}

/* How many instructions to steal; 0: none will do. */
static unsigned choose(const struct tail *t, bool *split)
{
    for (unsigned i = 0; i < t->n && movable(&t->in[i]); i++) {
        *split = false;
        if (t->in[i].length >= JUMP)
            return i + 1;
    }
    *split = true;
    if (t->n >= 2 && movable(&t->in[0]) && movable(&t->in[1]) &&
        t->in[0].length + t->in[1].length >= JUMP)
        return 2;
    return 0;
}

bool rewrite_plan(const uint8_t *code, size_t len, uint64_t start, uint64_t site,
                  struct rewrite_plan *out)
{
    struct tail t = {0};
    size_t end, patch;

    if (site < start || site - start >= len)
        return false;
    end = site - start;
    if (!decode_to(code, len, end, &t) || is_sigreturn(code, end))
        return false;
    out->count = (uint8_t)choose(&t, &out->split);
    if (!out->count)
        return false;
    patch = t.at[out->count - 1];
    if (jumped_into(code, len, patch, patch + JUMP, end, out->split))
        return false;
    for (unsigned i = 0; i < out->count; i++)
        out->at[i] = (uint8_t)(t.at[out->count - 1 - i] - patch);
    out->at[out->count] = (uint8_t)(end - patch);
    out->patch = start + patch;
    return true;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static int64_t get32(const uint8_t *p)
{
    return (int32_t)(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

static bool reach(int64_t d) { return d >= INT32_MIN && d <= INT32_MAX; }

size_t rewrite_move(const struct rewrite_plan *plan, const uint8_t *code, uint64_t to, uint8_t *out,
                    size_t room, uint8_t moved[STOLEN_MAX + 1])
{
    size_t n = 0;

    for (unsigned i = 0; i < plan->count; i++) {
        size_t len = (size_t)(plan->at[i + 1] - plan->at[i]);
        const uint8_t *from = code + plan->at[i];
        struct insn in = insn_decode(from, len);
        uint64_t was = plan->patch + plan->at[i];
        int64_t d;

        if (in.length != len || n + 15 > room)
            return 0;
        moved[i] = (uint8_t)n;
        if (in.conditional) { /* always in the 6-byte form */
            d = (int64_t)(was + (uint64_t)in.target - (to + n + 6));
            out[n] = 0x0f;
            out[n + 1] = 0x80 | in.condition;
            put32(out + n + 2, (uint32_t)d);
            n += 6;
            if (!reach(d))
                return 0;
            continue;
        }
        for (size_t k = 0; k < len; k++)
            out[n + k] = from[k];
        if (in.rip_relative) {
            d = get32(from + in.displacement) + (int64_t)(was - (to + n));
            put32(out + n + in.displacement, (uint32_t)d);
            if (!reach(d))
                return 0;
        }
        n += len;
    }
    moved[plan->count] = (uint8_t)n;
    return n;
}
