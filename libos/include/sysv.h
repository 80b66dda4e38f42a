/* System V IPC, for the rest of the library OS.  sysv/ */
#ifndef LIBOS_SYSV_H
#define LIBOS_SYSV_H

struct process;

/* A process ends: takes back what its semop(2) calls with SEM_UNDO did. */
void sem_exit(struct process *p);

#endif
