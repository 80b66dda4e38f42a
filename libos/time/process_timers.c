/* What exec and exit do to the timers of a process. */
#include "process_timers.h"

#include "cputime.h"
#include "ktime.h"

void process_timers_exec(struct process *p) { posix_timers_exit(p); }

void process_timers_exit(struct process *p)
{
    process_cpu_account(p);
    posix_timers_exit(p);
    itimers_exit(p);
}
