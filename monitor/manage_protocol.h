/* Requests to the monitor of a running sandbox, over its control socket.
 *
 * The socket is a Unix SOCK_SEQPACKET one: a packet is one request with its descriptors
 * (SCM_RIGHTS), or one answer.  Every request is answered by exactly one packet, kind
 * MANAGE_DONE, in order; packets of other kinds may come at any time on connections that
 * asked for them.  Both sides are the same user on the same machine and usually the same
 * program; `version` covers an update in between.
 *
 * A further request: a number here, a line in the table of manage.c, a handler as manage.h
 * describes it.  Data longer than two words goes through a descriptor (memfd or pipe) that
 * comes with the request, so that no packet is ever long.
 */
#ifndef BAILEY_MONITOR_MANAGE_PROTOCOL_H
#define BAILEY_MONITOR_MANAGE_PROTOCOL_H

#include <stdint.h>

#define MANAGE_VERSION 2
#define MANAGE_FDS_MAX 8

enum manage_op {
    MANAGE_WAIT = 1,   /* tell me (MANAGE_EXITED) when the sandbox has ended */
    MANAGE_SIGNAL,     /* a = signal for program 1; SIGKILL ends the sandbox */
    MANAGE_JOB,        /* another program: descriptors job, stdin, stdout, stderr (abi/job.h).
                        * b = 1: goes on when this connection ends */
    MANAGE_JOB_SIGNAL, /* a = signal for the program this connection has started */
    MANAGE_JOB_WINDOW, /* a = rows << 16 | columns of its terminal */
    MANAGE_SAVE,       /* writes a snapshot to the descriptor, as a second one says (its form
                        * is the command line's); a = enum manage_save.  Answered when it stands */
    MANAGE_OPS = 32,
};

enum manage_save {
    MANAGE_SAVE_KEEP = 1,  /* then it goes on */
    MANAGE_SAVE_CARRY = 2, /* with the base files that are in use */
};

struct manage_request {
    uint32_t version, op; /* enum manage_op */
    uint64_t a, b;
};

enum manage_kind {
    MANAGE_DONE = 1,    /* value: the request's result, or a negated errno */
    MANAGE_EXITED,      /* value: the sandbox's exit code; the last packet */
    MANAGE_JOB_STARTED, /* value: process number inside */
    MANAGE_JOB_FAILED,  /* value: errno; nothing runs */
    MANAGE_JOB_ENDED,   /* value: wait status */
};

struct manage_answer {
    uint32_t kind, reserved; /* enum manage_kind */
    int64_t value;
};

#endif
