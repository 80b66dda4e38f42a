/* Circular doubly linked lists with the links inside the elements. */
#ifndef LIBOS_LIST_H
#define LIBOS_LIST_H

#include "types.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_link(struct list *n, struct list *prev, struct list *next)
{
    next->prev = n;
    n->next = next;
    n->prev = prev;
    prev->next = n;
}
static inline void list_add(struct list *head, struct list *n) { list_link(n, head, head->next); }
static inline void list_add_tail(struct list *head, struct list *n)
{
    list_link(n, head->prev, head);
}
/* Leaves n pointing at itself, so deleting twice is harmless. */
static inline void list_del(struct list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    list_init(n);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_first(head, type, member)                                                             \
    (list_empty(head) ? (type *)0 : list_entry((head)->next, type, member))
#define list_for_each(pos, head, member)                                                           \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);         \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                                                 \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),                                 \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member);                              \
         &pos->member != (head);                                                                   \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*pos), member))

#endif
