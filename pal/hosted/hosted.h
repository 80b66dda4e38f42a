/* The contract on an ordinary process: pthreads for threads, files below a directory
 * for streams.  For unit tests, sanitizers and fuzzers; nothing here is isolated.
 *
 * The C library's headers and Linux's (which libos/include uses) do not go together:
 * host.c and streams.c see the former, inside.c and the tests the latter.
 */
#ifndef BAILEY_PAL_HOSTED_H
#define BAILEY_PAL_HOSTED_H

#include <stddef.h>
#include <stdint.h>

struct thread;

/* Maps segment and pool, fills boot_info, makes the caller the first thread of program 1,
 * builds the tree of mounts.  Once per process. */
void hosted_start(void);
/* The same with an empty process: for tests of what is below processes and files. */
void hosted_start_bare(void);
/* Where "dir:0/..." leads, and "dir:1/..." if given too. */
void hosted_export(int index, const char *directory);

/* Runs fn(arg) on a host thread that is a thread of program 1; joined with
 * hosted_join. */
struct hosted_job;
struct hosted_job *hosted_run(void (*fn)(void *), void *arg);
void hosted_join(struct hosted_job *j);

/* Text of the last HOST_REPORT_PANIC; with hosted_expect_panic(true) a panic ends the
 * calling host thread instead of the process. */
void hosted_expect_panic(int on);
const char *hosted_panic_text(void);

/* How many times the host was called to sleep or wake: what fast paths must not do. */
extern uint64_t hosted_waits, hosted_wakes;

/* Between host.c and inside.c. */
void hosted_map(void);
void hosted_boot(void *boot, size_t page);
void hosted_thread_main(struct thread *t);
uint32_t *hosted_tid_word(struct thread *t);

#endif
