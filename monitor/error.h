/* Errors for people: "what: why (what to do)", built from the inside out.
 *
 * The function that meets the failure says what it was doing and why it failed; each
 * caller that knows more puts its own "what" in front with error_wrap.  Text that does
 * not fit is cut, never overflows.
 */
#ifndef BAILEY_MONITOR_ERROR_H
#define BAILEY_MONITOR_ERROR_H

struct error {
    int exit_code;   /* what the command should end with: 125, 126 or 127 */
    char text[1024]; /* "what: why" */
    char hint[256];  /* what to do about it, or "" */
};

#define ERROR_PROCESSES_HINT                                                                       \
    "no more processes: see ulimit -u, the cgroup's pids.max, /proc/sys/kernel/pid_max"

/* Sets the message; errnum > 0 appends ": strerror(errnum)" (and EAGAIN, which means that the
 * host starts no more processes, the hint).  Returns -1. */
int error_set(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "format: " in front of the message.  Returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the user can do.  Returns -1. */
int error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
