/* Coming to rest for a save, and going on from one.  core/freeze.c, core/resume.c
 *
 * Every object lives in the segment and so survives by itself.  What takes part with code
 * of its own is only what the host knows something about:
 *   - who sleeps in the host: thread_sleep ends with -EINTR, and the call is executed again
 *     (freeze_restart); a loop that may not end so parks by itself (freeze_park);
 *   - threads of the library OS park at a place where they hold nothing;
 *   - who holds a host handle opens it again in resume_start, by name.
 */
#ifndef LIBOS_FREEZE_H
#define LIBOS_FREEZE_H

#include "types.h"

struct boot_info;
struct thread;

/* Looks whether the monitor wants a save. */
void freeze_poll(void);
/* Are threads to park? */
bool freeze_wanted(void);
/* Calls run(arg) while every other thread rests, from a thread of the library OS that may
 * park itself meanwhile.  0, or -EBUSY: it did not come to that. */
long freeze_while(void (*run)(void *arg), void *arg);
/* At the system-call boundary: rests while a save lasts.  A thread that was resumed does
 * not return from here but starts anew: from its registers, or its kfunc. */
void freeze_park(struct thread *t);
/* What a call returns that was interrupted with rc: so that a save isn't noticed, it is
 * executed again with the deadline it had. */
long freeze_restart(struct thread *t, long rc);
/* Is it a save, and no signal, that ended the caller's sleep? */
bool freeze_interrupts(void);

/* What there is, in words (core/freeze_summary.c); how many bytes of the buffer. */
size_t freeze_summary(char *buffer, size_t size);

/* A write to a stream that a save ends half-way is executed again as well, and goes on behind
 * what it has moved: that many bytes, once. */
size_t freeze_moved(void);
/* What such a call returns, `before` being what freeze_moved said, rc its own result and left
 * what it still had to move. */
long freeze_partial(size_t before, long rc, size_t left);

struct freeze_record { /* what was true when everything rested */
    u64 mono, boot, real;
    u32 generation;     /* how often this sandbox was resumed */
    u64 rlimits[16][2]; /* of boot_info: those of the run that was saved */
    u32 saves;          /* that have ended, one way or the other */
    long result;        /* of the last one: 0 or -errno */
};
extern struct freeze_record freeze_record;

/* A save that somebody inside wants, kept where a resumed copy finds it (core/freeze_ask.c). */
struct freeze_ask {
    bool asked;
    u32 generation, saves; /* when it was asked for */
};
#define FREEZE_ORIGINAL 0
#define FREEZE_RESUMED  1
/* Has the sandbox saved to the file of --save-to, and waits for it; or, without `wait`, -EAGAIN.
 * Which of the two this is then, or -errno: -EPERM, the user named no file; -ERESTARTNOINTR, it
 * is to be called again with the same ask. */
long freeze_ask(struct freeze_ask *a, bool wait);
/* A save has ended, in the original. */
void freeze_ended(long result);

/* Copies of address spaces, in the list instead of themselves (core/freeze_copy.c).  threads:
 * one that rests in each; used up.  False: there is none, the list is as it was. */
struct host_space;
bool freeze_copies_make(struct host_space *spaces, struct thread **threads, u32 count);
void freeze_copies_end(void);
/* In a parked thread: makes one, if it is to. */
void freeze_copy_self(struct thread *t);

_Noreturn void resume_start(struct boot_info *b);
_Noreturn void resume_thread(struct thread *t);
/* Ends freezing in a resumed copy. */
void freeze_forget(void);
/* Vector registers of t to the CPU. */
void freeze_load_xstate(struct thread *t);

#endif
