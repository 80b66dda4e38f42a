/* The VMA tree: a treap ordered by address.
 *
 * VMAs never overlap, so `start` orders them.  Every node knows the span of its
 * subtree (subtree_min, subtree_max) and the largest hole inside that span
 * (subtree_gap); both follow from the children alone, so rebuilding a node on the way
 * back from a recursion keeps them right and no neighbour has to be visited.
 * Priorities are hashes of a counter: depth is logarithmic whatever the program does.
 * Everything here runs under mm->lock.
 */
#include "internal.h"
#include "lib.h"

static void pull(struct vma *v)
{
    struct vma *l = v->left, *r = v->right;
    uptr gap = 0;

    v->subtree_min = l ? l->subtree_min : v->start;
    v->subtree_max = r ? r->subtree_max : v->end;
    if (l) {
        gap = MAX(l->subtree_gap, v->start - l->subtree_max);
    }
    if (r) {
        gap = MAX(gap, r->subtree_gap);
        gap = MAX(gap, r->subtree_min - v->end);
    }
    v->subtree_gap = gap;
}

/* Nodes that start below addr to *l, the others to *r. */
static void tree_split(struct vma *n, uptr addr, struct vma **l, struct vma **r)
{
    if (!n) {
        *l = *r = NULL;
        return;
    }
    if (n->start < addr) {
        tree_split(n->right, addr, &n->right, r);
        *l = n;
    } else {
        tree_split(n->left, addr, l, &n->left);
        *r = n;
    }
    pull(n);
}

/* Everything in l lies below everything in r. */
static struct vma *tree_merge(struct vma *l, struct vma *r)
{
    if (!l)
        return r;
    if (!r)
        return l;
    if (l->priority > r->priority) {
        l->right = tree_merge(l->right, r);
        pull(l);
        return l;
    }
    r->left = tree_merge(l, r->left);
    pull(r);
    return r;
}

static u32 next_priority(void)
{
    static u64 counter;

    return (u32)hash_u64(__atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED));
}

static struct vma *insert_below(struct vma *n, struct vma *v)
{
    if (!n || n->priority < v->priority) {
        tree_split(n, v->start, &v->left, &v->right);
        pull(v);
        return v;
    }
    if (v->start < n->start)
        n->left = insert_below(n->left, v);
    else
        n->right = insert_below(n->right, v);
    pull(n);
    return n;
}

void vma_tree_insert(struct mm *mm, struct vma *v)
{
    v->left = v->right = v->up = NULL;
    v->priority = next_priority();
    mm->root = insert_below(mm->root, v);
    mm->count++;
}

static struct vma *remove_below(struct vma *n, struct vma *v)
{
    if (n == v)
        return tree_merge(n->left, n->right);
    if (v->start < n->start)
        n->left = remove_below(n->left, v);
    else
        n->right = remove_below(n->right, v);
    pull(n);
    return n;
}

void vma_tree_remove(struct mm *mm, struct vma *v)
{
    mm->root = remove_below(mm->root, v);
    v->left = v->right = NULL;
    mm->count--;
}

static void update_below(struct vma *n, const struct vma *v)
{
    if (n != v)
        update_below(v->start < n->start ? n->left : n->right, v);
    pull(n);
}

void vma_tree_update(struct mm *mm, struct vma *v) { update_below(mm->root, v); }

static u32 tree_size(const struct vma *n)
{
    return n ? 1 + tree_size(n->left) + tree_size(n->right) : 0;
}

struct vma *vma_tree_cut(struct mm *mm, uptr start, uptr end)
{
    struct vma *below, *in, *above;

    tree_split(mm->root, start, &below, &above);
    tree_split(above, end, &in, &above);
    mm->root = tree_merge(below, above);
    mm->count -= tree_size(in);
    return in;
}

struct vma *vma_next(struct mm *mm, uptr addr)
{
    struct vma *n = mm->root, *best = NULL;

    while (n) {
        if (n->end > addr) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

struct vma *vma_find(struct mm *mm, uptr addr)
{
    struct vma *v = vma_next(mm, addr);

    return v && v->start <= addr ? v : NULL;
}

struct vma *vma_prev(struct mm *mm, uptr addr)
{
    struct vma *n = mm->root, *best = NULL;

    while (n) {
        if (n->end <= addr) {
            best = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

bool vma_range_free(struct mm *mm, uptr start, uptr end)
{
    struct vma *v = vma_next(mm, start);

    return !v || v->start >= end;
}

struct gap_search {
    size_t len;
    uptr low, high;
};

/* False if no hole of the subtree, whose neighbours end at `from` and start at `to`,
 * can be large enough and in bounds. */
static bool worth_it(const struct gap_search *s, const struct vma *n, uptr from, uptr to)
{
    uptr gap;

    if (MIN(to, s->high) < MAX(from, s->low) + s->len)
        return false;
    if (!n)
        return true;
    gap = MAX(n->subtree_gap, n->subtree_min - from);
    return MAX(gap, to - n->subtree_max) >= s->len;
}

static uptr gap_high(const struct gap_search *s, const struct vma *n, uptr from, uptr to)
{
    uptr at;

    if (!worth_it(s, n, from, to))
        return 0;
    if (!n)
        return MIN(to, s->high) - s->len;
    at = gap_high(s, n->right, n->end, to);
    return at ? at : gap_high(s, n->left, from, n->start);
}

static uptr gap_low(const struct gap_search *s, const struct vma *n, uptr from, uptr to)
{
    uptr at;

    if (!worth_it(s, n, from, to))
        return 0;
    if (!n)
        return MAX(from, s->low);
    at = gap_low(s, n->left, from, n->start);
    return at ? at : gap_low(s, n->right, n->end, to);
}

uptr vma_gap_high(struct mm *mm, size_t len, uptr low, uptr high)
{
    struct gap_search s = {len, low, high};

    return len > high || high - len < low ? 0 : gap_high(&s, mm->root, 0, USER_MAX);
}

uptr vma_gap_low(struct mm *mm, size_t len, uptr low, uptr high)
{
    struct gap_search s = {len, low, high};

    return len > high || high - len < low ? 0 : gap_low(&s, mm->root, 0, USER_MAX);
}
