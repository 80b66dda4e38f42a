/* Programs written to break out of a sandbox: what the attacks share.
 *
 * They are ordinary programs inside, but use what every program inside can: the gate is at
 * a known address and takes any registers, segment and pool are writable, and so are the
 * library OS and the PAL after a host mprotect.  Nothing of Bailey's own code inside is
 * trusted to stop them; only the host filter and the monitor are.
 *
 * An attack that gets something it must not have calls escaped(); ending in any other way
 * is for tests/hostile/run to judge, by the outcome its table entry promises.
 */
#ifndef BAILEY_TESTS_HOSTILE_H
#define BAILEY_TESTS_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../abi/boot.h"
#include "../../abi/gate.h"
#include "../../abi/layout.h"
#include "../../abi/message.h"
#include "contract.h"

enum outcome {
    REFUSED, /* the program sees every attempt refused and exits with 0 */
    KILLED,  /* the host filter kills the picoprocess */
    ENDED,   /* the monitor ends the sandbox */
    HELD,    /* a limit holds: attempts are refused, or the sandbox is ended for it */
    ANY,     /* whatever it likes, as long as the host is untouched */
};

struct attack {
    const char *name;
    enum outcome outcome;
    const char *options; /* for `bailey run`, or NULL */
    void (*run)(void);
};

/* Each file's attacks; they end with an entry without a name. */
extern const struct attack call_attacks[], memory_attacks[], frame_attacks[], message_attacks[],
    path_attacks[], exhaust_attacks[], reach_attacks[], network_attacks[];

extern uint64_t seed;
uint64_t any(void);                  /* the next random number */
uint64_t below(uint64_t n);          /* ... less than n */
uint64_t odd(void);                  /* one that is wrong in an interesting way */
const char *given(const char *name); /* a setting of the harness; the attack ends without it */

_Noreturn void escaped(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The host system call `nr`, through the PAL's own instruction. */
#define gate ((long (*)(long, long, long, long, long, long, long))IMAGE_BASE)
/* Where its instruction stands. */
const uint8_t *gate_instruction(void);

/* The message buffer of a thread slot nobody uses, counted from the last. */
void *message_buffer(unsigned slot);
/* A control call with `length` bytes in that buffer. */
long ask(unsigned slot, long call, size_t length, long a4, long a5, long a6);
/* Well-formed calls on one URI. */
long ask_open(unsigned slot, const char *uri, int flags);
long ask_attributes(unsigned slot, const char *uri);
long ask_make(unsigned slot, const char *uri, int kind, const char *target);
long ask_rename(unsigned slot, const char *from, const char *to, unsigned flags);
long ask_remove(unsigned slot, const char *uri, int dir);

/* Host threads and processes that the library OS knows nothing of; they may use nothing
 * but the gate.  Number 1.. picks the stack. */
long raw_thread(unsigned number, void (*run)(void));
long raw_process(unsigned number, void (*run)(void));
/* Sleeps for so many ns without the library OS. */
void raw_sleep(uint64_t ns);

#endif
