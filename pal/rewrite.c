/* Rewriting of hot call sites: the fast path over the trap (CPUID: known.c).
 *
 * A site that has trapped a few times gets an instruction before it replaced by a jump
 * to a slot of a trampoline arena within 2 GB (rewrite_plan.h says which):
 *
 *     slot:  <stolen instructions>
 *            lea  site+2(%rip), %rcx       return address, as `syscall` leaves it
 *            jmp  *%gs:0x18                t->entry = syscall_entry
 *
 * The `syscall` itself stays in place, so every stale program counter still lands on an
 * instruction that traps.  Program text is written only as one aligned 8-byte store, or
 * when no other thread of the address space can be in program code: there is none, or all
 * sleep inside and on their way out wait until the writing is done (rewrite_settled).  Else
 * it is tried again later.  Everything here fails softly: a site that cannot be rewritten
 * goes on trapping.
 *
 * State is per address space, in mm->sites, under its own lock; signal handlers read
 * the arena list, which grows by publishing its count last, and the slots of sites, which
 * are known before anybody can be there and are never given to another.
 */
#include <linux/mman.h>

#include "sites.h"
#include "../libos/include/kalloc.h"
#include "../libos/include/mm.h"
#include "../libos/include/rewrite.h"
#include "../libos/include/usercopy.h"
#include "../libos/include/vfs.h"

#define HOT         20u /* traps before a site is looked at: they cost what rewriting it does */
#define AGAIN       16u /* traps until the next try where other threads were in the way */
#define TABLE_FIRST 64u /* sites remembered, powers of two */
#define TABLE_MOST  1024u
#define REACH       0x7fff0000L

/* ---- the table ---------------------------------------------------------------- */

static struct table *table_new(u32 size)
{
    struct table *t = kzalloc(sizeof(*t) + size * sizeof(t->at[0]));

    if (t)
        t->size = size;
    return t;
}

static struct sites *sites_new(u32 size)
{
    struct sites *s = kzalloc(sizeof(*s));

    if (s && !(s->table = table_new(size))) {
        kfree(s);
        return NULL;
    }
    return s;
}

struct sites *sites_of(struct mm *mm)
{
    struct sites *s = READ_ONCE(mm->sites);

    if (s)
        return s;
    s = sites_new(TABLE_FIRST);
    if (!s)
        return NULL;
    known_space();
    lock(&mm->lock);
    if (mm->sites)
        sites_free(s);
    else
        mm->sites = s;
    unlock(&mm->lock);
    return mm->sites;
}

/* The entry of a site, or the free one where it would be; NULL: neither. */
static struct site *place_of(struct table *t, u64 addr)
{
    for (u32 i = (u32)hash_u64(addr), n = 0; n < t->size; i++, n++) {
        struct site *e = &t->at[i & (t->size - 1)];
        if (e->state == SITE_FREE || e->addr == addr)
            return e;
    }
    return NULL;
}

static bool grow(struct mm *mm, struct sites *s)
{
    struct table *old = s->table, *t = old->size < TABLE_MOST ? table_new(old->size * 4) : NULL;

    if (!t)
        return false;
    lock(&mm->lock); /* against rewrite_forget */
    for (u32 i = 0; i < old->size; i++)
        if (old->at[i].state != SITE_FREE)
            *place_of(t, old->at[i].addr) = old->at[i];
    t->older = old;
    __atomic_store_n(&s->table, t, __ATOMIC_RELEASE);
    unlock(&mm->lock);
    return true;
}

struct site *find_site(struct mm *mm, struct sites *s, u64 addr)
{
    struct site *e = place_of(s->table, addr);

    if (e && e->state != SITE_FREE)
        return e;
    if (s->count >= s->table->size / 4 * 3) {
        if (!grow(mm, s))
            return NULL;
        e = place_of(s->table, addr);
    }
    if (e) {
        s->count++;
        *e = (struct site){.addr = addr, .state = SITE_COUNTING};
    }
    return e;
}

/* ---- reading the program's code -------------------------------------------------- */

static long read_file(void *ctx, u64 offset, void *buf, size_t n)
{
    return kernel_read(ctx, buf, n, offset);
}

extern const char vdso_image_start[], vdso_image_end[];

static long read_vdso(void *ctx, u64 offset, void *buf, size_t n)
{
    size_t size = (size_t)(vdso_image_end - vdso_image_start);

    (void)ctx;
    if (offset >= size)
        return 0;
    n = MIN(n, size - offset);
    memcpy(buf, vdso_image_start + offset, n);
    return (long)n;
}

/* The file mapping that holds the site: private, executable, not writable; or the vDSO. */
bool text_at(struct mm *mm, u64 site, struct text *t)
{
    struct vma *v;
    bool ok;

    lock(&mm->lock);
    v = vma_find(mm, site);
    ok = v && (v->file || v->start == mm->vdso_base) && !(v->flags & VMA_SHARED) &&
         (v->prot & PROT_EXEC) && !(v->prot & PROT_WRITE) && site + 2 <= v->end;
    if (ok) {
        t->file = v->file ? file_get(v->file) : NULL;
        t->offset = site - v->start + (v->file ? v->offset : 0);
        t->bias = site - t->offset;
        t->end = v->end;
    }
    unlock(&mm->lock);
    return ok;
}

bool function_at(const struct text *t, u64 offset, struct function *f)
{
    struct code_reader r = {read_vdso, NULL, (u64)(vdso_image_end - vdso_image_start)};

    f->code = NULL;
    if (t->file)
        r = (struct code_reader){read_file, t->file, t->file->inode->size};
    if (code_range(&r, offset, &f->start, &f->end) && f->end - f->start <= FUNCTION_MAX)
        f->code = kmalloc(f->end - f->start);
    if (f->code && copy_from_user(f->code, f->start + t->bias, f->end - f->start) != 0) {
        kfree(f->code);
        f->code = NULL;
    }
    return f->code;
}

/* The plan for a site, and the bytes it steals. */
static bool make_plan(struct mm *mm, u64 site, struct rewrite_plan *plan, u8 *stolen)
{
    struct function f;
    struct text t;
    bool ok;

    if (!text_at(mm, site, &t))
        return false;
    ok = function_at(&t, t.offset, &f) &&
         rewrite_plan(f.code, f.end - f.start, f.start + t.bias, site, plan);
    if (ok)
        memcpy(stolen, f.code + (plan->patch - f.start - t.bias), plan->at[plan->count]);
    kfree(f.code);
    if (t.file)
        file_put(t.file);
    return ok;
}

/* ---- writing --------------------------------------------------------------------- */

static bool alone(struct mm *mm) { return READ_ONCE(mm->host_threads) == 1; }

/* Under the lock of mm->sites, which whoever wakes up takes before it goes out: the mark is
 * set first and BLOCKED is looked at then; a thread leaves BLOCKED first and looks for the
 * mark then (sleep_on_word). */
static bool others_asleep(struct mm *mm)
{
    s32 asleep = 1;

    for (u32 n = 0; n < thread_slots(); n++) {
        struct thread *t = thread_slot(n);
        if (t == current() || t->kthread || !__atomic_load_n(&t->host_tid, __ATOMIC_SEQ_CST) ||
            !READ_ONCE(t->proc) || READ_ONCE(t->proc->mm) != mm)
            continue;
        __atomic_fetch_or(&t->attention, ATTN_TEXT, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&t->state, __ATOMIC_SEQ_CST) != THREAD_BLOCKED)
            return false;
        asleep++;
    }
    return asleep == READ_ONCE(mm->host_threads);
}

void rewrite_settled(struct thread *t)
{
    struct sites *s = t->proc->mm->sites;

    __atomic_fetch_and(&t->attention, ~ATTN_TEXT, __ATOMIC_SEQ_CST);
    if (s) {
        lock(&s->lock);
        unlock(&s->lock);
    }
}

static bool one_word(u64 addr, size_t n) { return (addr & 7) + n <= 8; }

/* Writes n bytes into text at addr: atomically within one aligned word if it can be,
 * else only if `still`: nobody else can be executing there. */
static bool write_text(u64 addr, const u8 *bytes, size_t n, bool still)
{
    u64 word_at = addr & ~7UL, word;
    u64 page = addr & PAGE_MASK, end = PAGE_ALIGN(addr + n);
    bool atomic = one_word(addr, n), ok = false;

    if (!atomic && !still)
        return false;
    if (host_protect(page, end - page, PROT_READ | PROT_WRITE | PROT_EXEC))
        return false;
    if (!atomic) {
        ok = copy_to_user(addr, bytes, n) == 0;
    } else if (copy_from_user(&word, word_at, 8) == 0) {
        memcpy((u8 *)&word + (addr - word_at), bytes, n);
        /* The page was just made writable and its mapping is pinned by mm->lock. */
        __atomic_store_n((u64 *)word_at, word, __ATOMIC_SEQ_CST);
        ok = true;
    }
    host_protect(page, end - page, PROT_READ | PROT_EXEC);
    return ok;
}

struct arena *arena_near(struct mm *mm, struct sites *s, u64 site)
{
    long at;

    for (u32 i = 0; i < s->narenas; i++) {
        s64 d = (s64)(s->arenas[i].start - site);
        if (d > -REACH && d < REACH && s->arenas[i].used + SLOT <= ARENA_SIZE)
            return &s->arenas[i];
    }
    if (s->narenas == ARENAS)
        return NULL;
    at = mm_map_near(mm, site, ARENA_SIZE, PROT_READ | PROT_EXEC);
    if (at < 0)
        return NULL;
    s->arenas[s->narenas] = (struct arena){(u64)at, 0};
    __atomic_store_n(&s->narenas, s->narenas + 1, __ATOMIC_RELEASE);
    return &s->arenas[s->narenas - 1];
}

static size_t put(u8 *code, size_t n, const void *bytes, size_t count)
{
    memcpy(code + n, bytes, count);
    return n + count;
}

/* What follows the stolen instructions in a slot: to where a system call comes in, */
static size_t finish_syscall(u8 *code, size_t n, u64 slot, u64 site)
{
    static const u8 lea[] = {0x48, 0x8d, 0x0d};                       /* lea back(%rip), %rcx */
    static const u8 jump[] = {0x65, 0xff, 0x24, 0x25, 0x18, 0, 0, 0}; /* jmp *%gs:0x18 */
    s32 back;

    n = put(code, n, lea, sizeof(lea));
    back = (s32)(s64)(site + 2 - (slot + n + 4));
    n = put(code, n, &back, 4);
    return put(code, n, jump, sizeof(jump));
}

/* or CPUID, which leaves no register free. */
static size_t finish_cpuid(u8 *code, size_t n, u64 site)
{
    static const u8 jump[] = {0x65, 0xff, 0x24, 0x25, 0x50, 0, 0, 0}; /* jmp *%gs:0x50 */
    u8 store[] = {0x65, 0xc7, 0x04, 0x25, 0x58, 0, 0, 0};             /* movl $, %gs:0x58 */
    u64 back = site + 2;

    for (int half = 0; half < 2; half++) {
        n = put(code, n, store, sizeof(store));
        n = put(code, n, (u8 *)&back + (size_t)(4 * half), 4);
        store[4] += 4;
    }
    return put(code, n, jump, sizeof(jump));
}
#define FINISH_SYSCALL 15 /* bytes */
#define FINISH_CPUID   32

size_t make_slot(struct site *e, enum site_kind kind, const struct rewrite_plan *plan,
                 const u8 *stolen, u64 slot, u8 *code, u8 patch[5])
{
    s32 rel = (s32)(s64)(slot - (plan->patch + 5));
    size_t n;

    e->patch = plan->patch;
    e->count = plan->count;
    memcpy(e->from, plan->at, sizeof(e->from));
    memcpy(e->original, stolen, sizeof(e->original));
    n = rewrite_move(plan, stolen, slot, code,
                     SLOT - (kind == SITE_CPUID ? FINISH_CPUID : FINISH_SYSCALL), e->moved);
    if (!n)
        return 0;
    patch[0] = JMP_REL32;
    memcpy(patch + 1, &rel, 4);
    __atomic_store_n(&e->slot, slot, __ATOMIC_RELEASE);
    return kind == SITE_CPUID ? finish_cpuid(code, n, e->addr)
                              : finish_syscall(code, n, slot, e->addr);
}

static bool write_slot(struct arena *a, u64 slot, const u8 *code, size_t n)
{
    bool ok = host_protect(a->start, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 &&
              copy_to_user(slot, code, n) == 0;

    host_protect(a->start, ARENA_SIZE, PROT_READ | PROT_EXEC);
    return ok;
}

/* Its new state: SITE_COUNTING if it may come to it later. */
static enum site_state rewrite(struct mm *mm, struct sites *s, struct site *e)
{
    struct rewrite_plan plan;
    struct arena *a;
    u8 stolen[STOLEN_MAX * 15], code[SLOT], patch[5];
    size_t n;
    bool ok, still = alone(mm) || (e->waits && others_asleep(mm));

    if (e->waits && !still)
        return SITE_COUNTING;
    if (!make_plan(mm, e->addr, &plan, stolen) || (plan.split && !alone(mm)))
        return SITE_LEFT;
    if (!still && !one_word(plan.patch, sizeof(patch)) && !(still = others_asleep(mm))) {
        e->waits = true;
        return SITE_COUNTING;
    }
    a = arena_near(mm, s, e->addr);
    if (!a)
        return SITE_LEFT;
    lock(&mm->lock); /* a fork copies table and text under it: they agree */
    n = make_slot(e, SITE_SYSCALL, &plan, stolen, a->start + a->used, code, patch);
    ok = n && vma_find(mm, e->addr) && write_slot(a, e->slot, code, n) &&
         write_text(plan.patch, patch, sizeof(patch), still);
    if (ok) {
        a->used += SLOT;
        e->state = SITE_REWRITTEN;
        s->split |= plan.split;
    } else {
        e->slot = 0;
    }
    unlock(&mm->lock);
    return ok ? SITE_REWRITTEN : SITE_LEFT;
}

/* ---- entry points ------------------------------------------------------------------ */

void note_trapped_site(struct thread *t)
{
    struct mm *mm = t->proc->mm;
    struct sites *s;
    struct site *e;
    u64 site = t->regs->rip - 2;
    bool first;

    if ((boot()->flags & BOOT_NO_REWRITE) || (t->attention & ATTN_GS) || !(s = sites_of(mm)) ||
        s->forbidden)
        return;
    lock(&s->lock);
    e = find_site(mm, s, site);
    first = e && e->state == SITE_COUNTING && e->hits == 0;
    if (e && e->state == SITE_COUNTING && ++e->hits >= HOT && (e->hits - HOT) % AGAIN == 0) {
        e->state = rewrite(mm, s, e);
        if (e->state != SITE_COUNTING)
            stats_count(e->state == SITE_REWRITTEN ? &stats.rewritten : &stats.left);
    }
    unlock(&s->lock);
    if (first)
        known_note(mm, site);
}

/* What can't be put back goes on working: slots are never given to another site. */
static void put_back(struct site *e, bool still)
{
    if (e->state != SITE_REWRITTEN || write_text(e->patch, e->original, sizeof(e->original), still))
        e->state = SITE_LEFT;
}

void sites_forbid(struct mm *mm)
{
    struct sites *s = sites_of(mm);

    if (!s)
        return;
    if (s->forbidden)
        return;
    lock(&s->lock);
    s->forbidden = true;
    lock(&mm->lock);
    for (u32 i = 0; i < s->table->size; i++)
        put_back(&s->table->at[i], alone(mm));
    unlock(&mm->lock);
    unlock(&s->lock);
}

static bool overlaps(const struct site *e, uptr addr, size_t n)
{
    return e->state == SITE_REWRITTEN && e->patch < addr + n &&
           e->patch + sizeof(e->original) > addr;
}

void rewrite_show(struct mm *mm, uptr addr, void *buf, size_t n)
{
    struct sites *s = mm->sites;
    u8 *bytes = buf;

    for (u32 i = 0; s && i < s->table->size; i++) {
        const struct site *e = &s->table->at[i];
        for (size_t k = 0; overlaps(e, addr, n) && k < sizeof(e->original); k++)
            if (e->patch + k - addr < n)
                bytes[e->patch + k - addr] = e->original[k];
    }
}

void rewrite_put_back(struct mm *mm, uptr addr, size_t n)
{
    struct sites *s = mm->sites;

    for (u32 i = 0; s && i < s->table->size; i++)
        if (overlaps(&s->table->at[i], addr, n))
            put_back(&s->table->at[i], true); /* its debugger sees to that */
}

/* A trampoline arena is about to go: its sites trap again. */
static void drop_arena(struct mm *mm, struct sites *s, struct arena *a)
{
    for (u32 i = 0; i < s->table->size; i++) {
        struct site *e = &s->table->at[i];
        if (e->state == SITE_REWRITTEN && e->slot - a->start < ARENA_SIZE)
            put_back(e, alone(mm));
    }
    a->used = ARENA_SIZE; /* takes no more slots */
}

/* [start, end) is being unmapped or replaced: sites in it are forgotten, sites whose
 * trampolines lie in it put back.  Under mm->lock, so without the table's own: states are
 * single bytes, and what a racing rewrite adds is at worst lost with the mapping. */
void rewrite_forget(struct mm *mm, uptr start, uptr end)
{
    struct sites *s = mm->sites;

    for (u32 i = 0; s && i < s->table->size; i++) {
        struct site *e = &s->table->at[i];
        if (e->state != SITE_FREE && e->addr + 2 > start && e->addr < end + STOLEN_MAX * 15) {
            e->hits = 0;
            e->state = SITE_COUNTING;
        }
    }
    for (u32 i = 0; s && i < s->narenas; i++) {
        struct arena *a = &s->arenas[i];
        if (a->start < end && a->start + ARENA_SIZE > start && a->used)
            drop_arena(mm, s, a);
    }
}

struct sites *sites_copy(const struct sites *old)
{
    struct sites *s = old ? sites_new(old->table->size) : NULL;

    if (s) {
        struct table *t = s->table;
        memcpy(t->at, old->table->at, t->size * sizeof(t->at[0]));
        *s = *old;
        s->table = t;
        lock_init(&s->lock);
    }
    return s;
}

void sites_free(struct sites *s)
{
    while (s && s->table) {
        struct table *older = s->table->older;
        kfree(s->table);
        s->table = older;
    }
    kfree(s);
}

/* The site whose slot holds `rip`.  Who runs there may be late: the site may have been put
 * back meanwhile. */
static const struct site *site_of_slot(const struct sites *s, u64 rip)
{
    const struct table *t = __atomic_load_n(&s->table, __ATOMIC_ACQUIRE);

    for (u32 i = 0; i < t->size; i++)
        if (rip - t->at[i].slot < SLOT)
            return &t->at[i];
    return NULL;
}

/* A signal may have come between two instructions that a jump has replaced while its handler ran:
 * from there it goes on in the trampoline. */
u64 rewritten_rip(const struct mm *mm, u64 rip)
{
    const struct sites *s = mm->sites;

    for (u32 i = 0; s && s->split && i < s->table->size; i++) {
        const struct site *e = &s->table->at[i];
        if (e->state != SITE_REWRITTEN || rip - e->patch >= sizeof(e->original))
            continue;
        for (u32 k = 1; k < e->count; k++)
            if (e->patch + e->from[k] == rip)
                return e->slot + e->moved[k];
    }
    return rip;
}

/* Is `rip` in a trampoline?  Then *site receives the address the program should see:
 * that of the stolen instruction, or of the `syscall`. */
bool in_trampoline(const struct mm *mm, u64 rip, u64 *site)
{
    const struct sites *s = mm ? mm->sites : NULL;
    u32 n = s ? __atomic_load_n(&s->narenas, __ATOMIC_ACQUIRE) : 0;

    for (u32 i = 0; i < n; i++) {
        const struct site *e;
        if (rip - s->arenas[i].start >= ARENA_SIZE || !(e = site_of_slot(s, rip)))
            continue;
        u32 k = 0;
        while (k < e->count && rip - e->slot >= e->moved[k + 1])
            k++;
        *site = e->patch + e->from[k];
        return true;
    }
    return false;
}
