/* Rewritten call sites of an address space: what rewrite.c, which rewrites hot ones, and
 * known.c, which rewrites at once what is known from other address spaces, have in common. */
#ifndef BAILEY_PAL_SITES_H
#define BAILEY_PAL_SITES_H

#include "pal.h"
#include "rewrite_plan.h"
#include "../libos/include/lock.h"

#define ARENAS       32
#define ARENA_SIZE   0x4000UL
#define SLOT         64UL
#define FUNCTION_MAX 0x4000UL
#define JMP_REL32    0xe9

struct file;
struct mm;

enum site_state { SITE_FREE, SITE_COUNTING, SITE_REWRITTEN, SITE_LEFT };
enum site_kind { SITE_SYSCALL, SITE_CPUID };

struct site {
    u64 addr; /* of the `syscall`, or of the CPUID instruction */
    u16 hits;
    u8 state;
    bool waits;              /* for a moment in which the other threads sleep */
    u8 count;                /* stolen instructions */
    u8 original[5];          /* the bytes of the jump, as they were */
    u8 from[STOLEN_MAX + 1]; /* their offsets from `patch` and in the slot */
    u8 moved[STOLEN_MAX + 1];
    u64 slot, patch; /* slot 0: never had one */
};

/* Open hashing.  A table that became too small stays, for handlers that look into it. */
struct table {
    struct table *older;
    u32 size;
    struct site at[];
};

struct arena {
    u64 start;
    u32 used; /* bytes */
};

struct sites {
    struct lock lock;
    bool forbidden;
    bool split; /* some jump covers more than one instruction */
    u32 count, narenas;
    struct arena arenas[ARENAS];
    struct table *table; /* changes under lock and mm->lock */
};

/* A private, executable mapping of a file, or the vDSO's. */
struct text {
    struct file *file; /* with a reference; NULL: the vDSO, whose image we have */
    u64 offset;        /* in the file, of the address asked for */
    u64 bias;          /* address = offset + bias, within this mapping */
    u64 end;           /* where the mapping ends */
};
bool text_at(struct mm *mm, u64 addr, struct text *t);

/* The code of a function: offsets in the file, and its bytes as they are in memory. */
struct function {
    u64 start, end;
    u8 *code; /* kmalloc'ed; NULL: none found */
};
bool function_at(const struct text *t, u64 offset, struct function *f);

struct sites *sites_of(struct mm *mm);
/* The entry of a site, made if there is none; under the table's lock.  NULL: no memory. */
struct site *find_site(struct mm *mm, struct sites *s, u64 addr);
/* Room for trampolines that a jump at `site` reaches, at least one; NULL: none. */
struct arena *arena_near(struct mm *mm, struct sites *s, u64 site);
/* What a site becomes by a plan: fills in e, the code of its slot (SLOT bytes) and the bytes
 * that go to plan->patch.  The code's length, or 0. */
size_t make_slot(struct site *e, enum site_kind kind, const struct rewrite_plan *plan,
                 const u8 *stolen, u64 slot, u8 *code, u8 patch[5]);

/* A call of a site that has not been seen in this address space before (known.c). */
void known_note(struct mm *mm, u64 site);
/* Another address space has call sites. */
void known_space(void);

#endif
