/* The memory of other address spaces.
 *
 * Nothing of another host process is mapped here, so one of its own threads copies: the
 * asker puts a request on a list and kicks; whoever of that address space next sleeps or
 * returns to its program (ATTN_WORK) carries it out, between program memory and a buffer of
 * the segment.  The asker waits for a while only: a process may be ending, or all of its
 * threads may be in the host.
 *
 * requests_lock, a leaf, covers the list and the states.  A request lies on its asker's
 * stack, so whoever has taken it must finish it.
 */
#include <linux/errno.h>
#include <linux/mman.h>

#include "internal.h"
#include "ktime.h"
#include "lib.h"
#include "rewrite.h"
#include "thread.h"
#include "usercopy.h"

#define PATIENCE  2000000000ULL
#define TRY_AGAIN 5000000ULL

enum request_state { ASKED, TAKEN, DONE };

struct request {
    struct list link;
    struct mm *mm;
    uptr addr;
    void *buf;
    size_t n, moved;
    u32 how; /* MM_* */
    enum request_state state;
    struct thread *asker;
};

static struct lock requests_lock;
static struct list requests = LIST_INIT(requests);

static size_t copy(uptr addr, void *buf, size_t n, bool write)
{
    return n - (write ? user_copy_out(addr, buf, n) : user_copy_in(buf, addr, n));
}

/* Part of a page that the program itself may not touch so: a private one only, or the file
 * would change.  Under mm->lock. */
static size_t copy_protected(struct mm *mm, uptr addr, void *buf, size_t n, bool write)
{
    uptr page = ALIGN_DOWN(addr, PAGE_SIZE);
    struct vma *v = vma_find(mm, addr);
    u32 prot;
    size_t done;

    if (!v || v->kind == VMA_FIXED || ((v->flags & VMA_SHARED) && write))
        return 0;
    prot = v->prot;
    if (host_protect(page, PAGE_SIZE, (int)(prot | PROT_READ | (write ? PROT_WRITE : 0))))
        return 0;
    done = copy(addr, buf, MIN(n, page + PAGE_SIZE - addr), write);
    host_protect(page, PAGE_SIZE, (int)prot);
    return done;
}

static size_t copy_force(struct mm *mm, uptr addr, void *buf, size_t n, bool write)
{
    size_t done = 0, part;

    lock(&mm->lock);
    if (write && rewrite_put_back)
        rewrite_put_back(mm, addr, n);
    do {
        done += copy(addr + done, (char *)buf + done, n - done, write);
        part = done < n ? copy_protected(mm, addr + done, (char *)buf + done, n - done, write) : 0;
        done += part;
    } while (part && done < n);
    unlock(&mm->lock);
    if (!write && rewrite_show)
        rewrite_show(mm, addr, buf, done);
    return done;
}

static size_t copy_as_asked(struct mm *mm, const struct request *r)
{
    bool write = r->how & MM_WRITE;

    return r->how & MM_FORCE ? copy_force(mm, r->addr, r->buf, r->n, write)
                             : copy(r->addr, r->buf, r->n, write);
}

/* ---- the other side -------------------------------------------------------------------- */

static struct request *take(const struct mm *mm)
{
    struct request *r, *found = NULL;

    lock(&requests_lock);
    list_for_each(r, &requests, link)
    {
        if (r->mm == mm) {
            found = r;
            break;
        }
    }
    if (found) {
        list_del(&found->link);
        found->state = TAKEN;
    }
    unlock(&requests_lock);
    return found;
}

void mm_remote_serve(void)
{
    struct thread *t = current(), *asker;
    struct request *r;

    if (t->kthread || t->exiting || list_empty(&requests))
        return;
    while ((r = take(t->proc->mm))) {
        r->moved = copy_as_asked(r->mm, r);
        asker = r->asker;
        __atomic_store_n(&r->state, DONE, __ATOMIC_RELEASE); /* r is gone */
        thread_wake(asker);
    }
}

/* ---- the asker ----------------------------------------------------------------------------- */

/* One thread mostly; all of them if that didn't help.  False: none is left. */
static bool kick(struct process *p, bool all)
{
    struct thread *t;
    bool any = false;

    lock(&p->lock);
    list_for_each(t, &p->threads, link)
    {
        if (t->exiting)
            continue;
        thread_kick(t, ATTN_WORK);
        any = true;
        if (!all)
            break;
    }
    unlock(&p->lock);
    return any;
}

/* Takes the request back, unless somebody works on it: then it is done in a moment. */
static bool withdraw(struct request *r)
{
    bool mine;

    lock(&requests_lock);
    mine = r->state == ASKED;
    if (mine)
        list_del(&r->link);
    unlock(&requests_lock);
    return mine;
}

static bool done(const struct request *r)
{
    return __atomic_load_n(&r->state, __ATOMIC_ACQUIRE) == DONE;
}

static long wait_for(struct request *r, struct process *p)
{
    u64 end = deadline_from_now(PATIENCE);
    long rc = 0;

    for (bool all = false; !done(r); all = true) {
        u32 seq = thread_sleep_begin();

        if (!kick(p, all))
            rc = -ESRCH;
        else if (now_mono() > end)
            rc = -ETIMEDOUT;
        else if (!done(r))
            rc = thread_sleep(seq, deadline_from_now(TRY_AGAIN));
        if (rc == -ETIMEDOUT && now_mono() < end)
            rc = 0;
        if (rc && withdraw(r))
            return rc;
        while (rc && !done(r))
            thread_sleep_uninterruptible(thread_sleep_begin(), deadline_from_now(TRY_AGAIN));
        rc = 0;
    }
    return 0;
}

static struct mm *mm_of(struct process *p)
{
    struct mm *mm;

    lock(&p->lock);
    mm = p->zombie || !p->nthreads ? NULL : p->mm;
    if (mm)
        ref_get(&mm->refs);
    unlock(&p->lock);
    return mm;
}

long mm_remote_copy(struct process *p, uptr addr, void *buf, size_t n, bool write)
{
    return mm_remote_access(p, addr, buf, n, write ? MM_WRITE : 0);
}

long mm_remote_access(struct process *p, uptr addr, void *buf, size_t n, u32 how)
{
    struct request r = {.addr = addr, .buf = buf, .n = n, .how = how, .asker = current()};
    long rc;

    r.mm = mm_of(p);
    if (!r.mm)
        return -ESRCH;
    if (r.mm == current()->proc->mm) {
        r.moved = copy_as_asked(r.mm, &r);
        mm_put(r.mm);
        return (long)r.moved;
    }
    lock(&requests_lock);
    list_add_tail(&requests, &r.link);
    unlock(&requests_lock);
    rc = wait_for(&r, p);
    mm_put(r.mm);
    return rc ? rc : (long)r.moved;
}
