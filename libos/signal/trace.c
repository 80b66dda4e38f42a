/* Signals in --trace, as strace shows them. */
#include "../core/trace_names.h"
#include "internal.h"
#include "lib.h"
#include "trace.h"

static const char *code_name(int code)
{
    switch (code) {
    case SI_USER_:
        return "SI_USER";
    case SI_KERNEL_:
        return "SI_KERNEL";
    case SI_QUEUE_:
        return "SI_QUEUE";
    case SI_TKILL_:
        return "SI_TKILL";
    case -2:
        return "SI_TIMER";
    default:
        return NULL;
    }
}

/* The number or name of a signal, in buf if it has no name. */
static const char *name_of(int sig, char *buf, size_t n)
{
    const char *name = signal_name(sig);

    if (name)
        return name;
    snprintf(buf, n, "SIGRT_%d", sig - FIRST_REALTIME);
    return buf;
}

void signal_trace(int sig, const struct siginfo_k *info, const char *what)
{
    char buf[16], code[16];
    const char *c = code_name(info->code), *name;

    if (!trace_on())
        return;
    name = name_of(sig, buf, sizeof(buf));
    if (!c) {
        snprintf(code, sizeof(code), "%d", info->code);
        c = code;
    }
    if (SIGBIT(sig) & SYNCHRONOUS && info->code > 0)
        trace_event("--- %s {si_code=%s, si_addr=0x%lx} %s at 0x%lx ---", name, c,
                    (unsigned long)info->fault.addr, what, (unsigned long)current()->regs->rip);
    else
        trace_event("--- %s {si_code=%s, si_pid=%d, si_uid=%u} %s ---", name, c, info->rt.pid,
                    info->rt.uid, what);
}
