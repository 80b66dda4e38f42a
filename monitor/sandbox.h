/* Private to the monitor: one sandbox and what the parts of the monitor share of it.
 *
 * One process, one thread, one sandbox; the only concurrency is with the inside, which
 * may change every byte of the segment at any time.  So nothing is read from it twice:
 * requests are copied, and what the monitor itself needs lives here, not there.
 */
#ifndef BAILEY_MONITOR_SANDBOX_H
#define BAILEY_MONITOR_SANDBOX_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "../abi/boot.h"
#include "../abi/host_abi.h"
#include "memory_file.h"
#include "monitor.h"

struct export
{
    int dir;    /* O_PATH directory, or the directory of the single file */
    char *file; /* single-file export: its name in dir, else NULL */
    bool read_only;
    bool host_base; /* policy_visible applies */
    bool cache;
    bool overlay; /* changes stay in memory inside */
    bool device;  /* of the root's image */
    const char *guest, *source;
};

#define EXPORTS_MAX (MONITOR_VOLUMES_MAX + 2) /* root, working directory */

struct counters {
    uint64_t calls, opens, refused;
};

struct sandbox {
    /* Large, and before the rest: a copy's first writes, with those of what lies behind, then meet
     * few pages. */
    struct export exports[EXPORTS_MAX];
    char workdir[4096]; /* shown by the host base, without leading slash; "" if none */
    char cwd[4096];     /* guest path program 1 starts in */

    const struct sandbox_config *config;
    struct error *err;

    uint32_t export_count;
    int workdir_fd;
    bool prepared; /* by monitor_prepare_walls, in a process this one was split off from */
    bool stdio_closed[3];
    sigset_t signals; /* blocked here, taken by the loop */
    int proc_fds;     /* /proc/self/fd, to open again what an O_PATH descriptor names */

    int segment_fd, pool_fd, poll_fd, probe_fd, kick_fd;
    struct memory_private resumed;
    int manage_fd; /* what manage.c serves, as one epoll; -1: nothing */
    int save_fd;   /* told by the thread that writes a file beside the loop; -1: there is none */
    int lifeline;  /* write end: closing it kills every picoprocess */
    uint8_t *segment;
    struct boot_info *boot, *fresh; /* fresh: of a resume, while it is made */
    uint64_t xsave_size, xcr0;      /* what this CPU has */
    int64_t save_deadline;          /* ms; when save_look is due; INT64_MAX: no save is under way */
    bool copies;                    /* of address spaces there are, for a save */

    pid_t child, group; /* first host process; its process group holds all of them */
    int listener;
    bool reaped;

    /* How it ends. */
    bool ended;
    int exit_code;
    bool failed; /* err says why */

    struct counters count;
    struct termios tty_saved;
    int tty_saved_fd; /* -1: the sandbox has not changed a terminal */
    bool exited;      /* program 1 ended by itself */
};

/* run.c: a descriptor of a file of the host's, or -1 with s->err. */
int sandbox_open(struct sandbox *s, const char *path, int flags);

/* spawn.c: objects, first host process, filter; the program's first instruction runs
 * when it returns 0. */
int sandbox_spawn(struct sandbox *s);

/* What can be done of it once for many, who are split off: 0, or -1 with s->err. */
int spawn_prepare(struct sandbox *s);

/* boot.c: where this process has it; looked for once. */
const struct boot_vdso *host_vdso(void);
/* Fills b, BOOT_SIZE bytes, with what holds for copies as well; then what is of each. */
int boot_fill(struct sandbox *s, struct boot_info *b);
int boot_fill_own(struct sandbox *s, struct boot_info *b);
uint32_t boot_flags(const struct sandbox_config *config);
/* The first into s->fresh, for a resume. */
int boot_prepare(struct sandbox *s);

/* loop.c: serves until the sandbox has ended, then leaves nothing behind. */
void sandbox_loop(struct sandbox *s);
void sandbox_kill(struct sandbox *s);
int64_t now_us(void); /* the clock of all deadlines */
/* Makes the inside look at what was left in boot_info. */
void sandbox_mail(struct sandbox *s);
/* Ends the sandbox with a failure of Bailey's own (exit code 125). */
void sandbox_fail(struct sandbox *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something malformed came out of the sandbox. */
void sandbox_violation(struct sandbox *s, const char *what);

/* serve.c: one notification. */
void sandbox_serve(struct sandbox *s);

/* Prints "bailey: text", with control characters of hostile text replaced. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
