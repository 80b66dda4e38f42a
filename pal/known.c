/* Call sites known from other address spaces of the sandbox.
 *
 * Programs that live for a millisecond trap at each of their call sites once or twice: too
 * few times for rewrite.c, and the same sites in each program, those of the dynamic linker
 * and of the C library.  So sites are remembered by file and offset.  One at which
 * ENOUGH address spaces have trapped gets a plan, and is rewritten from then on when its file is
 * mapped, all of a mapping at once, before anybody runs there: two changes of protection and
 * the pages that are written, for all of them.  Only where exec or the program's loader maps it.
 *
 * CPUID instructions of the ELF interpreter, or of a program that is linked statically, are found
 * by looking for them, where CPUID is slow (core/cpuid.c): nothing traps there.  All of them
 * when it is mapped for the ENOUGHth time, and at the first those that are found soon.
 *
 * A plan holds for the bytes of a function.  Their sum is compared before anything is written, so
 * a file may change, or another one get its number.
 *
 * The table is the sandbox's, under its own lock, below which is only kalloc's; whoever rewrites
 * works on a copy.
 */
#include <linux/mman.h>

#include "sites.h"
#include "../libos/include/cpu.h"
#include "../libos/include/kalloc.h"
#include "../libos/include/mm.h"
#include "../libos/include/rewrite.h"
#include "../libos/include/usercopy.h"
#include "../libos/include/vfs.h"

#define ENOUGH      3u /* address spaces that trapped there: a plan costs some ten traps */
#define KNOWN_FILES 8u
#define KNOWN_SITES 64u
#define KNOWN_STEP  8u
#define CHUNK       PAGE_SIZE
#define SHORT       512u      /* bytes of a function that is soon decoded */
#define SMALL       0x40000UL /* a text that is soon searched */

enum known_state { KNOWN_COUNTING, KNOWN_PLANNED, KNOWN_NOT };

struct known_site {
    u64 at, start;    /* offsets in the file: of the site, of the function it is in */
    u64 sum;          /* of the function's bytes */
    u32 length, from; /* of the function; where in it the jump goes */
    u16 spaces;       /* address spaces that trapped here */
    u8 state, kind;
    u8 count;
    u8 offsets[STOLEN_MAX + 1]; /* as in struct rewrite_plan */
};

enum look { LOOK_NOT, LOOK_QUICKLY, LOOK };

struct known_file {
    u64 dev, ino; /* ino 0: free */
    u64 used;
    u32 count;
    u32 loads;        /* how often it was what a program starts with, up to ENOUGH */
    enum look looked; /* for CPUID */
    struct known_site *sites;
};

static struct {
    struct lock lock;
    u64 clock;
    u32 spaces; /* address spaces that had call sites, until there are enough */
    struct known_file files[KNOWN_FILES];
} known;

static u64 sum_of(const u8 *p, size_t n)
{
    u64 sum = n, word = 0;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        sum = (sum ^ word) * 0x100000001b3ull;
        sum ^= sum >> 29;
    }
    word = 0;
    memcpy(&word, p, n);
    return (sum ^ word) * 0x100000001b3ull;
}

/* Under the lock. */
static struct known_file *file_of(const struct inode *i, bool make)
{
    struct known_file *oldest = &known.files[0];

    for (u32 n = 0; n < KNOWN_FILES; n++) {
        struct known_file *f = &known.files[n];
        if (f->ino == i->ino && f->dev == i->super->dev) {
            f->used = ++known.clock;
            return f;
        }
        if (f->used < oldest->used)
            oldest = f;
    }
    if (!make || !i->ino)
        return NULL;
    oldest->dev = i->super->dev;
    oldest->ino = i->ino;
    oldest->used = ++known.clock;
    oldest->count = oldest->loads = 0;
    oldest->looked = LOOK_NOT;
    return oldest;
}

static bool room_for_one(struct known_file *f)
{
    struct known_site *grown = f->sites;

    if (f->count % KNOWN_STEP == 0)
        grown = krealloc(f->sites, (f->count + KNOWN_STEP) * sizeof(*grown));
    if (grown)
        f->sites = grown;
    return grown;
}

static struct known_site *site_of(struct known_file *f, u64 at, bool make)
{
    for (u32 i = 0; i < f->count; i++)
        if (f->sites[i].at == at)
            return &f->sites[i];
    if (!make || f->count == KNOWN_SITES || !room_for_one(f))
        return NULL;
    f->sites[f->count] = (struct known_site){.at = at};
    return &f->sites[f->count++];
}

/* What rewrite_plan says of the site at offset `at` in f. */
static bool plan_site(const struct function *f, u64 at, enum site_kind kind, struct known_site *k)
{
    struct rewrite_plan plan;

    *k = (struct known_site){.at = at,
                             .start = f->start,
                             .length = (u32)(f->end - f->start),
                             .state = KNOWN_NOT,
                             .kind = (u8)kind};
    if (!rewrite_plan(f->code, k->length, f->start, at, &plan))
        return false;
    k->sum = sum_of(f->code, k->length);
    k->from = (u32)(plan.patch - f->start);
    k->count = plan.count;
    memcpy(k->offsets, plan.at, sizeof(k->offsets));
    k->state = KNOWN_PLANNED;
    return true;
}

/* ---- sites that trap -------------------------------------------------------------- */

static void learn(const struct text *t)
{
    struct known_site plan, *k;
    struct known_file *file;
    struct function f;

    if (function_at(t, t->offset, &f))
        plan_site(&f, t->offset, SITE_SYSCALL, &plan);
    else
        plan = (struct known_site){.at = t->offset, .state = KNOWN_NOT};
    kfree(f.code);
    lock(&known.lock);
    file = file_of(t->file->inode, false);
    k = file ? site_of(file, t->offset, false) : NULL;
    if (k)
        *k = plan;
    unlock(&known.lock);
}

void known_note(struct mm *mm, u64 site)
{
    struct known_file *file;
    struct known_site *k;
    struct text t;
    bool enough;

    if (READ_ONCE(known.spaces) < ENOUGH || !text_at(mm, site, &t))
        return;
    if (t.file) {
        lock(&known.lock);
        file = file_of(t.file->inode, true);
        k = file ? site_of(file, t.offset, true) : NULL;
        enough = k && k->state == KNOWN_COUNTING && ++k->spaces == ENOUGH;
        unlock(&known.lock);
        if (enough)
            learn(&t);
        file_put(t.file);
    }
}

/* ---- looking for CPUID --------------------------------------------------------------- */

struct search {
    const struct text *t;
    enum look how;
    struct function f; /* the last one found */
    u32 count;
    struct known_site found[KNOWN_SITES / 2];
};

static void found_cpuid(struct search *s, u64 at)
{
    struct known_site *k = &s->found[s->count];

    if (s->count == KNOWN_SITES / 2)
        return;
    if (at < s->f.start || at >= s->f.end) {
        kfree(s->f.code);
        s->f.start = s->f.end = 0;
        function_at(s->t, at, &s->f);
    }
    if (!s->f.code || (s->how == LOOK_QUICKLY && s->f.end - s->f.start > SHORT))
        return;
    if (plan_site(&s->f, at, SITE_CPUID, k))
        s->count++;
}

/* Most of what a program's start asks, in short functions: mov $leaf, %eax; cpuid. */
static bool quick(const u8 *code, const u8 *p)
{
    u32 leaf;

    if (p - code < 5 || p[-5] != 0xb8)
        return false;
    memcpy(&leaf, p - 4, 4);
    return cpuid_kept(leaf);
}

/* Does one of 8 bytes end a CPUID? */
static bool may_end(const u8 *p)
{
    const u64 ones = 0x0101010101010101;
    u64 word;

    memcpy(&word, p, 8);
    word ^= 0xa2 * ones;
    return (word - ones) & ~word & (0x80 * ones);
}

static void search_chunk(struct search *s, const u8 *code, size_t n, u64 offset)
{
    for (size_t i = 0; i + 9 <= n; i += 8) {
        if (!may_end(code + i + 1))
            continue;
        for (const u8 *p = code + i; p < code + i + 8; p++)
            if (p[0] == 0x0f && p[1] == 0xa2 && (s->how == LOOK || quick(code, p)))
                found_cpuid(s, offset + (u64)(p - code));
    }
}

static void search(const struct text *t, u64 addr, enum look how)
{
    struct search *s = kzalloc(sizeof(*s));
    u8 *code = kmalloc(CHUNK + 1);
    struct known_file *file;

    if (s && code) {
        s->t = t;
        s->how = how;
        for (u64 at = addr; at < t->end; at += CHUNK) {
            size_t n = MIN(CHUNK + 1, t->end - at);
            if (copy_from_user(code, at, n))
                break; /* the last page may be cut short */
            search_chunk(s, code, n, at - t->bias);
        }
        kfree(s->f.code);
        lock(&known.lock);
        file = file_of(t->file->inode, false);
        for (u32 i = 0; file && i < s->count; i++) {
            struct known_site *k = site_of(file, s->found[i].at, true);
            if (k)
                *k = s->found[i];
        }
        unlock(&known.lock);
    }
    kfree(code);
    kfree(s);
}

void rewrite_starter(struct file *f)
{
    struct known_file *file;

    if (boot()->flags & BOOT_NO_REWRITE)
        return;
    lock(&known.lock);
    file = file_of(f->inode, true);
    if (file && file->loads < ENOUGH)
        file->loads++;
    unlock(&known.lock);
}

/* ---- rewriting what is known -------------------------------------------------------------- */

struct batch {
    struct mm *mm;
    struct sites *s;
    struct arena *arena;
    const struct text *t;
    struct function f; /* compared, if it has code */
    u32 count;
    struct known_site sites[];
};

/* The sites planned in the mapping: a copy, or NULL. */
static struct batch *take_known(const struct text *t, u64 end, enum look *look)
{
    struct batch *b = NULL;
    struct known_file *file;

    lock(&known.lock);
    file = file_of(t->file->inode, false);
    *look = LOOK_NOT;
    if (file && file->loads >= ENOUGH && file->looked < LOOK)
        *look = LOOK;
    else if (file && file->loads && !file->looked && end - t->offset <= SMALL)
        *look = LOOK_QUICKLY;
    if (*look)
        file->looked = *look;
    else if (file && file->count && (b = kmalloc(sizeof(*b) + file->count * sizeof(b->sites[0]))))
        *b = (struct batch){.t = t};
    for (u32 i = 0; b && i < file->count; i++) {
        const struct known_site *k = &file->sites[i];
        if (k->state == KNOWN_PLANNED && k->start >= t->offset && k->start + k->length <= end)
            b->sites[b->count++] = *k;
    }
    unlock(&known.lock);
    return b;
}

/* Is the function what it was when the plan was made?  Under mm->lock. */
static bool same_function(struct batch *b, const struct known_site *k)
{
    if (b->f.code && b->f.start == k->start && b->f.end == k->start + k->length)
        return true;
    kfree(b->f.code);
    b->f = (struct function){k->start, k->start + k->length, kmalloc(k->length)};
    if (b->f.code && copy_from_user(b->f.code, k->start + b->t->bias, k->length) == 0 &&
        sum_of(b->f.code, k->length) == k->sum)
        return true;
    kfree(b->f.code);
    b->f.code = NULL;
    return false;
}

/* Arena and text are writable.  Under the locks of both tables and mm->lock. */
static bool rewrite_known(struct batch *b, const struct known_site *k, struct site *e)
{
    struct rewrite_plan plan = {.patch = k->start + k->from + b->t->bias, .count = k->count};
    u8 code[SLOT], patch[5];
    u64 slot = b->arena->start + b->arena->used;
    size_t n;

    memcpy(plan.at, k->offsets, sizeof(plan.at));
    if (b->arena->used + SLOT > ARENA_SIZE || !same_function(b, k))
        return false;
    n = make_slot(e, (enum site_kind)k->kind, &plan, b->f.code + k->from, slot, code, patch);
    if (!n || copy_to_user(slot, code, n) || copy_to_user(plan.patch, patch, sizeof(patch)))
        return false;
    b->arena->used += SLOT;
    e->state = SITE_REWRITTEN;
    stats_count(&stats.rewritten);
    return true;
}

static void rewrite_all(struct batch *b, u64 addr, size_t len)
{
    struct sites *s = b->s;

    for (u32 i = 0; i < b->count; i++) /* the table does not grow after that */
        if (!find_site(b->mm, s, b->sites[i].at + b->t->bias))
            return;
    b->arena = arena_near(b->mm, s, addr);
    if (!b->arena)
        return;
    lock(&b->mm->lock);
    const struct vma *v = vma_find(b->mm, addr);
    if (v && v->start <= addr && v->end >= addr + len && v->file == b->t->file &&
        !host_protect(b->arena->start, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC)) {
        if (!host_protect(addr, len, PROT_READ | PROT_WRITE)) {
            for (u32 i = 0; i < b->count; i++) {
                struct site *e = find_site(b->mm, s, b->sites[i].at + b->t->bias);
                if (e->state == SITE_COUNTING && e->hits == 0)
                    rewrite_known(b, &b->sites[i], e);
            }
            host_protect(addr, len, PROT_READ | PROT_EXEC);
        }
        host_protect(b->arena->start, ARENA_SIZE, PROT_READ | PROT_EXEC);
    }
    unlock(&b->mm->lock);
    kfree(b->f.code);
}

/* Is the text mapped to be run here?  Who is no loader may translate it instead, and must find it
 * as it is in its file.  exec maps before there is a vDSO. */
static bool by_loader(struct mm *mm)
{
    struct text t;
    bool loader;

    if (!mm->vdso_base)
        return true;
    if (!mm->loader_ino || !text_at(mm, current()->regs->rip - 2, &t))
        return false;
    loader = t.file && t.file->inode->super->dev == mm->loader_dev &&
             t.file->inode->ino == mm->loader_ino;
    if (t.file)
        file_put(t.file);
    return loader;
}

void rewrite_mapped(struct mm *mm, uptr addr, size_t len)
{
    struct batch *b;
    struct text t;
    enum look look;

    if ((boot()->flags & BOOT_NO_REWRITE) || (current()->attention & ATTN_GS) ||
        current()->tracee.tracer || !READ_ONCE(known.clock) || !by_loader(mm) ||
        !text_at(mm, addr, &t))
        return;
    if (!t.file)
        return;
    b = take_known(&t, t.offset + len, &look);
    if (look) {
        if (cpuid_slow())
            search(&t, addr, look);
        b = take_known(&t, t.offset + len, &look);
    }
    if (b && b->count && (b->mm = mm) && (b->s = sites_of(mm))) {
        lock(&b->s->lock);
        if (!b->s->forbidden)
            rewrite_all(b, addr, len);
        unlock(&b->s->lock);
    }
    kfree(b);
    file_put(t.file);
}

void known_space(void)
{
    if (READ_ONCE(known.spaces) < ENOUGH)
        __atomic_fetch_add(&known.spaces, 1, __ATOMIC_RELAXED);
}
