/* Serving the control socket: what the loop calls, and what handlers of requests use.
 *
 * A handler runs in the monitor's loop, so it must not block: a program of the sandbox
 * waits meanwhile.  It returns the request's result (>= 0 or -errno), which is sent as
 * MANAGE_DONE; MANAGE_LATER says that the handler, or somebody it told, will call
 * manage_answer() itself once the work is done (keep the client by manage_client_id and
 * look it up again with manage_client: it may have gone meanwhile).
 * Descriptors belong to the dispatcher, which closes them after the call; a handler that
 * keeps one sets its place in fds[] to -1.
 */
#ifndef BAILEY_MONITOR_MANAGE_H
#define BAILEY_MONITOR_MANAGE_H

#include "manage_protocol.h"
#include "sandbox.h"

#define MANAGE_LATER INT64_MIN

struct client;
typedef int64_t manage_handler(struct sandbox *s, struct client *c, const struct manage_request *r,
                               int *fds, int count);

/* Sends a packet, or drops a client that does not take it at once. */
void manage_answer(struct client *c, enum manage_kind kind, int64_t value);
/* Names a client for as long as it lives; NULL when it has gone. */
uint64_t manage_client_id(const struct client *c);
struct client *manage_client(uint64_t id);

/* Begins to serve a listening socket; takes it.  Without one nothing is served. */
void manage_start(struct sandbox *s, int listener);
/* Serves what is ready on s->manage_fd. */
void manage_serve(struct sandbox *s);
/* The sandbox has ended: everybody who asked hears how; the socket is closed. */
void manage_end(struct sandbox *s);

/* ---- jobs.c: signals for program 1, and other programs (abi/job.h) ---- */
manage_handler jobs_program_signal, jobs_begin, jobs_signal, jobs_window;
/* A client has gone. */
void jobs_client_gone(struct sandbox *s, uint64_t client);
/* "N/K" of a job: URI: the descriptor, now the caller's, or -ENOENT. */
int jobs_open(const char *name);
/* The inside reports; -EINVAL for a job there is not. */
long jobs_report(uint64_t a, uint64_t b);

#endif
