/* The timers a process owns, for its end. */
#ifndef LIBOS_PROCESS_TIMERS_H
#define LIBOS_PROCESS_TIMERS_H

struct process;

void itimers_exit(struct process *p);
void posix_timers_exit(struct process *p);

#endif
