/* Landlock as a second wall: a picoprocess has no system call that names anything, and
 * if it had, this would refuse it. */
#ifndef BAILEY_MONITOR_LANDLOCK_H
#define BAILEY_MONITOR_LANDLOCK_H

/* ABI version of the running kernel, 0 without Landlock. */
int landlock_abi(void);
/* Denies the calling thread everything this kernel's Landlock can deny.  Needs
 * no_new_privs.  0, or -errno (-ENOSYS or -EOPNOTSUPP: not there). */
int landlock_deny_all(void);

#endif
