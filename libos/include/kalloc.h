/* Memory of the kernel segment.  core/kalloc.c
 *
 * Sizes up to 2 KB come from size classes (each with its own lock), larger ones from
 * whole pages.  Everything is 16-byte aligned.  NULL when the segment or the
 * sandbox's memory limit is used up: callers return -ENOMEM.  May be called from any
 * thread that holds no lock later in the order than "kalloc" (docs/locking.md).
 */
#ifndef LIBOS_KALLOC_H
#define LIBOS_KALLOC_H

#include "types.h"

void *kmalloc(size_t n);
void *kzalloc(size_t n);
void *krealloc(void *p, size_t n);
void kfree(void *p); /* NULL is fine */
char *kstrdup(const char *s);
char *kstrndup(const char *s, size_t n);

/* Whole pages, page-aligned; n is rounded up. */
void *kpages_alloc(size_t n);
void kpages_free(void *p, size_t n);

/* Bytes of the segment handed out at present. */
u64 kalloc_used(void);
/* Gives free pages back to the host: a copy should not have them. */
void kalloc_trim(void);

#endif
