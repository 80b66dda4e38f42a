/* The system-call rewriter (pal/rewrite.c), as the library OS sees it.  Where it is not linked
 * in (the hosted platform), its functions are absent: weak ones may be asked for. */
#ifndef LIBOS_REWRITE_H
#define LIBOS_REWRITE_H

#include "lib.h"

struct file;
struct mm;
struct sites;
struct thread;

/* Counts traps per call site and rewrites hot ones. */
void note_trapped_site(struct thread *t);
/* ATTN_TEXT: t was asleep while its program's text was written; waits until that is done. */
void rewrite_settled(struct thread *t) __attribute__((weak));
/* A file has been mapped at [addr, addr + len), to be executed, and nobody can be there yet: what
 * is known of its call sites from other address spaces is rewritten at once, where it is exec or
 * the ELF interpreter that mapped it: others may want to read it (valgrind, emulators). */
void rewrite_mapped(struct mm *mm, uptr addr, size_t len) __attribute__((weak));
/* The program's ELF interpreter is about to be mapped, or a program without one: what asks the CPU
 * many things when it starts. */
void rewrite_starter(struct file *f) __attribute__((weak));
/* The program owns gs: call sites of this address space go back to trapping. */
void sites_forbid(struct mm *mm);
struct sites *sites_copy(const struct sites *old); /* NULL: none or no memory */
void sites_free(struct sites *s);
/* [start, end) is about to change, so sites in it are no longer what it thinks.  Called
 * under mm->lock. */
void rewrite_forget(struct mm *mm, uptr start, uptr end) __attribute__((weak));
/* For debuggers: the program's own code in a copy of [addr, addr + n), and, under mm->lock,
 * in memory, which is about to be written to. */
void rewrite_show(struct mm *mm, uptr addr, void *buf, size_t n) __attribute__((weak));
void rewrite_put_back(struct mm *mm, uptr addr, size_t n) __attribute__((weak));
/* Is rip in a trampoline?  Then *site is the call site it stands for. */
bool in_trampoline(const struct mm *mm, u64 rip, u64 *site);
/* Where a program goes on that a signal interrupted at rip. */
u64 rewritten_rip(const struct mm *mm, u64 rip) __attribute__((weak));

#endif
