/* The vector registers in signal frames.
 *
 * The library OS never touches them, so the program's are live in the CPU: XSAVE and
 * XRSTOR work directly on program memory, in the standard (uncompacted) form Linux
 * shows.  A fault, be it of the page or of a malformed image, continues behind the
 * instruction with the error standing (fix-up table).
 */
#include <asm/errno.h>

#include "internal.h"
#include "lib.h"
#include "usercopy.h"

#define MAGIC1         0x46505853u
#define MAGIC2         0x46505845u
#define FXSAVE_SIZE    512
#define HEADER_SIZE    64
#define SW_OFFSET      464
#define FEATURES_FPSSE 3ULL
#define MXCSR_DEFAULT  0x1f80

struct sw_reserved {
    u32 magic1, extended_size;
    u64 features;
    u32 size, padding[7];
};

struct header {
    u64 features, compacted, reserved[6];
};

#define FIXED_UP(instruction)                                                                      \
    "1: " instruction "\n   xor %k0, %k0\n2:\n"                                                    \
    ".pushsection __ex_table, \"a\"\n.quad 1b, 2b, 2b\n.popsection\n"

static long xsave(uptr at, u64 mask)
{
    long rc = -EFAULT;

    __asm__ volatile(FIXED_UP("xsave64 (%1)")
                     : "+r"(rc)
                     : "r"(at), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    return rc;
}

static long xrstor(uptr at, u64 mask)
{
    long rc = -EFAULT;

    __asm__ volatile(FIXED_UP("xrstor64 (%1)")
                     : "+r"(rc)
                     : "r"(at), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
    return rc;
}

static long fxrstor(uptr at)
{
    long rc = -EFAULT;

    __asm__ volatile(FIXED_UP("fxrstor64 (%1)") : "+r"(rc) : "r"(at) : "memory");
    return rc;
}

size_t xstate_frame_size(void) { return boot()->xsave_size + sizeof(u32); }

long xstate_save(uptr at)
{
    u64 mask = boot()->xcr0, features;
    size_t size = boot()->xsave_size;
    struct sw_reserved sw = {.magic1 = MAGIC1,
                             .extended_size = (u32)xstate_frame_size(),
                             .features = mask,
                             .size = (u32)size};
    uptr header = at + FXSAVE_SIZE;

    if (!user_range_ok(at, xstate_frame_size()))
        return -EFAULT;
    if (user_zero(header, HEADER_SIZE) || xsave(at, mask))
        return -EFAULT;
    if (copy_to_user(at + SW_OFFSET, &sw, sizeof(sw)) || put_user(MAGIC2, at + size))
        return -EFAULT;
    /* What a handler writes into the x87 and SSE parts counts even if they were in their
     * initial state. */
    if (get_user(features, header))
        return -EFAULT;
    features |= FEATURES_FPSSE;
    return put_user(features, header);
}

/* Features of `mask` to their initial state. */
static void clear(u64 mask)
{
    static const struct {
        u32 legacy[FXSAVE_SIZE / 4];
        struct header header;
    } __attribute__((aligned(64))) initial = {.legacy = {[0] = 0x37f, [6] = MXCSR_DEFAULT}};

    if (mask)
        xrstor((uptr)&initial, mask);
}

/* Is there an extended state, as its two magic numbers say?  Its features in *features. */
static bool extended(uptr at, u64 *features)
{
    struct sw_reserved sw;
    u32 magic2;

    if (get_user(sw, at + SW_OFFSET) || sw.magic1 != MAGIC1)
        return false;
    if (sw.size < FXSAVE_SIZE + HEADER_SIZE || sw.size > boot()->xsave_size)
        return false;
    if (sw.size > sw.extended_size || get_user(magic2, at + sw.size) || magic2 != MAGIC2)
        return false;
    *features = sw.features & boot()->xcr0;
    return true;
}

long xstate_restore(uptr at)
{
    u64 all = boot()->xcr0, features;
    struct header h;

    if (!at) {
        clear(all);
        return 0;
    }
    if (!user_range_ok(at, FXSAVE_SIZE))
        return -EFAULT;
    if (extended(at, &features)) {
        if (!user_range_ok(at, boot()->xsave_size) || get_user(h, at + FXSAVE_SIZE))
            return -EFAULT;
        if (h.compacted) /* XRSTOR would take it for its other format */
            return -EINVAL;
        clear(all & ~features);
        return xrstor(at, features);
    }
    clear(all & ~FEATURES_FPSSE);
    return fxrstor(at);
}
