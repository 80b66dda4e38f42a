/* Which instructions before a `syscall` may move to a trampoline. */
#include "rewrite_plan.h"

#define JUMP 5 /* bytes of jmp rel32 */

static void copy(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        d[i] = s[i];
}

/* A jump anywhere in the function to strictly inside (patch, site) forbids stealing.  One
 * through a table may lead to the boundary between two stolen instructions. */
static bool jumped_into(const uint8_t *code, size_t len, uint64_t patch, uint64_t site, bool two)
{
    for (size_t at = 0; at < len;) {
        struct insn in = insn_decode(code + at, len - at);
        if (!in.length)
            return at < site; /* undecodable tail behind the site: data or the end */
        if (in.indirect && two)
            return true;
        if (in.has_target) {
            int64_t target = (int64_t)at + in.target;
            if (target > (int64_t)patch && target < (int64_t)site)
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
    return in->length && !in->rip_relative && !in->transfers;
}

bool rewrite_plan(const uint8_t *code, size_t len, uint64_t start, uint64_t site,
                  struct rewrite_plan *out)
{
    struct insn last = {0}, before = {0};
    size_t at = 0, end;

    if (site < start || site - start >= len)
        return false;
    end = site - start;
    while (at < end) {
        before = last;
        last = insn_decode(code + at, len - at);
        if (!last.length)
            return false;
        at += last.length;
    }
    if (at != end || len - end < 2 || code[end] != 0x0f || code[end + 1] != 0x05 ||
        is_sigreturn(code, end))
        return false;
    if (!movable(&last))
        return false;
    out->stolen = last.length;
    out->count = 1;
    if (last.length < JUMP) {
        if (!movable(&before) || last.length + before.length < JUMP)
            return false;
        out->stolen = (uint8_t)(last.length + before.length);
        out->count = 2;
    }
    if (jumped_into(code, len, end - out->stolen, end, out->count == 2))
        return false;
    out->patch = site - out->stolen;
    copy(out->bytes, code + end - out->stolen, out->stolen);
    return true;
}
