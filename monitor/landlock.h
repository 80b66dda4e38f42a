/* Landlock as a second wall.  A picoprocess has no system call that names anything, and if
 * it had, this would refuse it; the monitor keeps the files it serves. */
#ifndef BAILEY_MONITOR_LANDLOCK_H
#define BAILEY_MONITOR_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* ABI version of the running kernel, 0 without Landlock. */
int landlock_abi(void);
/* Denies the calling thread everything this kernel's Landlock can deny.  Needs
 * no_new_privs.  0, or -errno (-ENOSYS or -EOPNOTSUPP: not there). */
int landlock_deny_all(void);
/* A domain within the one the calling thread is in, which denies execution alone: where processes
 * were split off behind common walls, so that none may touch another's.  0 also where there is no
 * Landlock, and so no such wall; else -errno. */
int landlock_nest(void);

/* Rights, as <linux/landlock.h> has them; those the kernel does not know are left out. */
#define LANDLOCK_READ       (1ULL << 3)              /* listing directories */
#define LANDLOCK_FILE       (1ULL << 2)              /* reading files */
#define LANDLOCK_WRITE_FILE (1ULL << 1 | 1ULL << 14) /* and truncating */
/* Making and removing everything but devices, and moving between directories. */
#define LANDLOCK_WRITE   (LANDLOCK_WRITE_FILE | 0x37b0ULL)

#define LANDLOCK_BIND    1u
#define LANDLOCK_CONNECT 2u
/* A set of rules that allows nothing yet of files and of what `tcp` names, and with `scoped` no
 * abstract Unix sockets and signals of others; -1 where this kernel's Landlock cannot do what the
 * monitor needs (moving files between directories). */
int landlock_begin(unsigned tcp, bool scoped);
/* Allows rights below a directory; what is not there needs none. */
void landlock_allow(int rules, int dir, uint64_t rights);
void landlock_allow_path(int rules, const char *path, uint64_t rights);
void landlock_allow_port(int rules, uint16_t port, unsigned tcp);
/* From here on, for the calling thread; takes the descriptor.  0 or -errno. */
int landlock_enforce(int rules);

#endif
