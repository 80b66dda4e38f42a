/* CPU time of threads and processes, and the clock numbers that name them. */
#ifndef LIBOS_CPUTIME_H
#define LIBOS_CPUTIME_H

#include "types.h"

struct process;

/* A clock number < 0 (clock_getcpuclockid, pthread_getcpuclockid). */
u64 cpu_clock_read(int clockid, long *err);
/* True for the clocks that count CPU time. */
bool clock_is_cpu(int clockid);
/* Adds the CPU time of a process that ends. */
void process_cpu_account(struct process *p);

#endif
