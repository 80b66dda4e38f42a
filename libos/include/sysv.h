/* System V IPC, for the rest of the library OS.  sysv/ */
#ifndef LIBOS_SYSV_H
#define LIBOS_SYSV_H

struct process;
struct textbuf;

/* A process ends: takes back what its semop(2) calls with SEM_UNDO did. */
void sem_exit(struct process *p);

/* The lines of /proc/sysvipc, below the headings. */
void msg_show(struct textbuf *b);
void sem_show(struct textbuf *b);
void shm_show(struct textbuf *b);

#endif
