/* Terminals: pseudo terminals and what any terminal shares with them.  tty/ */
#ifndef LIBOS_TTY_H
#define LIBOS_TTY_H

#include "types.h"

struct file;
struct process;
struct super;

/* /dev/pts: one for the whole sandbox. */
struct super *devpts(void);
/* A terminal of the host's keeps its name there. */
long devpts_host_terminal(u64 rdev);

/* /dev/ptmx: each open makes a new pair. */
extern const struct file_ops ptmx_fops;

/* f, being opened on /dev/tty, becomes the pseudo terminal that controls the caller.
 * -ENXIO: it has none. */
long pty_open_controlling(struct file *f);
/* Number (as st_rdev) and foreground group of the session's pseudo terminal, if any. */
bool pty_of_session(s32 sid, u32 *number, s32 *foreground);
/* The leader of a session ends: its terminal is free, its jobs are told. */
void pty_session_end(struct process *leader);

/* ---- a pseudo terminal whose keyboard and screen are streams of the host: relay.c ---- */
struct pty;
struct relay {
    struct pty *pty;
    struct file *master, *in, *out; /* in and out are O_NONBLOCK */
    struct thread *thread;          /* who runs it */
    u32 ended;                      /* set by relay_end */
};
/* Makes the terminal; takes in and out.  0 or -errno. */
long relay_open(struct relay *r, struct file *in, struct file *out, u32 rows, u32 cols);
/* An open slave, which becomes the terminal of the caller's session; or ERR_PTR. */
struct file *relay_slave(struct relay *r);
/* Moves what is typed and shown until relay_end, then what is still to be shown. */
void relay_run(struct relay *r);
void relay_end(struct relay *r);
/* The terminal, kept from going away until relay_resize, which may outlive the relay. */
struct pty *relay_hold(struct relay *r);
void relay_resize(struct pty *p, u32 rows, u32 cols);
/* Everything is closed: programs on the terminal see it hang up. */
void relay_close(struct relay *r);

/* ---- job control, for every kind of terminal: job.c ---- */
bool group_signal(s32 group, int sig); /* false: nobody in it */
bool group_in_session(s32 group, s32 session);
/* May the caller, who is not in the foreground, read (SIGTTIN) or change (SIGTTOU) its
 * terminal?  0, -EIO, or -ERESTARTSYS with the signal sent. */
long job_background(int sig);

#endif
