/* Talking to the monitor of a running sandbox (monitor/manage_protocol.h). */
#ifndef BAILEY_CLI_CONTROL_H
#define BAILEY_CLI_CONTROL_H

#include <stdint.h>

#include "monitor/manage_protocol.h"
#include "runtime.h"

/* A connection, or -1 after a message. */
int control_connect(const struct entry *e);
/* The same for who is content with its end: CONTROL_ENDED if it has come, without a message. */
int control_reach(const struct entry *e);
#define CONTROL_ENDED (-2)
/* Sends a request with descriptors; 0 or -1 with errno. */
int control_send(int fd, enum manage_op op, uint64_t a, uint64_t b, const int *fds, int count);
/* Waits for the next packet, for at most timeout_ms (-1: for ever).  1: there is one, 0: it is
 * too late, -1: the sandbox has gone. */
int control_receive(int fd, struct manage_answer *answer, int timeout_ms);
/* Request and its answer: the result, >= 0 or -errno.  -ETIMEDOUT: it does not answer;
 * -EPIPE: it has ended meanwhile. */
int64_t control_ask(int fd, enum manage_op op, uint64_t a, uint64_t b, const int *fds, int count);

#endif
