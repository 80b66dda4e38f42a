/* Writing to what nobody reads any more. */
#include <linux/errno.h>

#include "ipc.h"
#include "thread.h"

long ipc_broken_pipe(void)
{
    struct thread *t = current();
    /* As Linux's send_sig(SIGPIPE): as if the thread's own process had sent it. */
    struct siginfo_k info = {.signo = SIGPIPE, .rt = {.pid = t->proc->pid, .uid = t->cred.uid}};

    signal_thread(t, SIGPIPE, &info);
    return -EPIPE;
}
