/* Pseudo terminals.  tty/
 *
 *   master file ---- write --> line discipline --> input ring --> read ---- slave files
 *        ^                        | echo                                       |
 *        +---- read <-- output ring <---------- output processing <-- write ---+
 *
 * A `struct pty` is both sides and belongs to an inode of devpts (devpts.c): it lives as
 * long as anything refers to that inode, an open master, open slaves, a path being walked.
 * The line discipline runs in whoever writes to the master; it is in three files, one for
 * each way: input.c with edit.c, output.c with the echo, and take.c for readers.
 *
 * Locking: pty->lock protects everything but what is said otherwise, and is never held over
 * a copy, a wake or a signal: signals need process locks, which stand above it.  Whose
 * controlling terminal it is (`session`) changes under devpts_lock, so that no session
 * gets two; it may be read without.
 */
#ifndef LIBOS_TTY_PTY_H
#define LIBOS_TTY_PTY_H

#include <asm/termbits.h>
#include <asm/termios.h>

#include "thread.h"
#include "tty.h"
#include "vfs.h"

#define PTY_INPUT  4096u /* each a power of two: positions run freely */
#define PTY_OUTPUT 8192u
#define PTY_ECHO   1024u
#define PTY_MAX    4096
#define PTY_COOKED 8u /* the most one character becomes: a tab */

struct pty {
    struct inode *inode; /* not counted: it owns us */
    u32 index;
    struct lock lock;
    struct waitq slave_wait, master_wait;
    struct termios2 modes;
    struct termios2 fixed; /* bits set here don't change: TIOCSLCKTRMIOS */
    struct winsize size;
    s32 session, foreground; /* 0: none */
    u32 slaves;              /* open files */
    bool locked;             /* TIOCSPTLCK: slaves may not be opened yet */
    bool exclusive;          /* TIOCEXCL */
    bool hungup;             /* the master is gone */
    bool slave_closed;       /* there were slaves and there are none any more */
    bool packet;
    u8 packet_status;

    /* Input: [tail, canon) are complete lines, [canon, head) is still being typed.  `ends`
     * has a bit for each position that ends a line; a 0 there is an end of file. */
    u32 in_head, in_canon, in_tail;
    bool literal; /* the next character has no meaning (VLNEXT) */
    bool erasing; /* between \ and / of ECHOPRT */

    bool stopped; /* by ^S or TCOOFF: output waits */
    u32 out_head, out_tail;
    u32 echo_head, echo_tail; /* cooked already, waiting for room in the output */
    u32 column, canon_column; /* of the cursor; where the line being typed began */

    u64 ends[PTY_INPUT / 64];
    u8 in[PTY_INPUT];
    u8 out[PTY_OUTPUT];
    u8 echo[PTY_ECHO];
};

static inline bool pty_iflag(const struct pty *p, u32 bit) { return p->modes.c_iflag & bit; }
static inline bool pty_oflag(const struct pty *p, u32 bit) { return p->modes.c_oflag & bit; }
static inline bool pty_lflag(const struct pty *p, u32 bit) { return p->modes.c_lflag & bit; }
/* Is c the control character?  0 says that there is none. */
static inline bool pty_is(const struct pty *p, int which, u8 c)
{
    return c && p->modes.c_cc[which] == c;
}
static inline u32 pty_typed(const struct pty *p) { return p->in_head - p->in_tail; }
static inline bool is_control(u8 c) { return c < 0x20 || c == 0x7f; }
/* A later byte of a character, where the terminal knows UTF-8. */
static inline bool pty_continues(const struct pty *p, u8 c)
{
    return pty_iflag(p, IUTF8) && (c & 0xc0) == 0x80;
}
static inline bool pty_line_end(const struct pty *p, u32 pos)
{
    pos %= PTY_INPUT;
    return p->ends[pos / 64] >> (pos % 64) & 1;
}
static inline void pty_set_end(struct pty *p, u32 pos, bool on)
{
    pos %= PTY_INPUT;
    if (on)
        p->ends[pos / 64] |= 1ULL << (pos % 64);
    else
        p->ends[pos / 64] &= ~(1ULL << (pos % 64));
}

/* ---- devpts.c ---- */
extern struct lock devpts_lock;
struct pty *pty_new(void); /* with a reference on its inode; ERR_PTR */
static inline void pty_get(struct pty *p) { inode_get(p->inode); }
static inline void pty_put(struct pty *p) { inode_put(p->inode); }
/* The first terminal with that property, with a reference, or NULL. */
struct pty *pty_find(bool (*is)(const struct pty *p, s32 number), s32 number);
u64 pty_rdev(const struct pty *p);
struct file *pty_open_slave(struct pty *p, u32 flags); /* TIOCGPTPEER */

/* ---- input.c, edit.c: under p->lock ---- */
bool pty_input_room(const struct pty *p);
int pty_input(struct pty *p, u8 c); /* one character; the signal it means, or 0 */
void pty_input_flush(struct pty *p);
void pty_input_modes(struct pty *p, const struct termios2 *old); /* they changed */
void pty_erase(struct pty *p, u8 c);
void pty_erase_end(struct pty *p);
void pty_start(struct pty *p); /* output may go on */
void pty_stop(struct pty *p);

/* ---- take.c: under p->lock ---- */
/* Is there something to read, for a poll or for a read? */
bool pty_readable(const struct pty *p, bool poll);
/* Takes at most n bytes; *end: a line is complete, nothing more for this read. */
size_t pty_take(struct pty *p, u8 *buf, size_t n, bool *end);
s32 pty_waiting(const struct pty *p); /* FIONREAD */

/* ---- output.c: under p->lock ---- */
static inline u32 pty_output_left(const struct pty *p) { return p->out_head - p->out_tail; }
/* Can a slave write now? */
static inline bool pty_output_room(const struct pty *p)
{
    return !p->stopped && PTY_OUTPUT - pty_output_left(p) >= PTY_COOKED;
}
size_t pty_output(struct pty *p, const u8 *buf, size_t n); /* bytes accepted */
size_t pty_output_take(struct pty *p, u8 *buf, size_t n);
void pty_output_flush(struct pty *p);
void pty_echo(struct pty *p, u8 c);     /* as it is shown: ^X for control characters */
void pty_echo_raw(struct pty *p, u8 c); /* only through output processing */
void pty_echo_drain(struct pty *p);     /* into the output, as far as there is room */

/* ---- slave.c, master.c, ioctl.c ---- */
extern const struct file_ops pty_master_fops, pty_slave_fops;
long pty_slave_attach(struct file *f, struct pty *p); /* f becomes an open slave */
void pty_resize(struct pty *p, const struct winsize *w);
long pty_ioctl(struct file *f, struct pty *p, bool master, u32 cmd, uptr arg);

#define CHUNK 512 /* bytes copied to or from the program at a time */

/* ---- write.c ---- */
/* The body of both ends' write: hands the buffer to `put` piece by piece, queued on q all
 * the while.  put takes what it can, sleeping if need be, and sets *rc when it must end. */
long pty_write(struct file *f, struct uio *u, struct waitq *q,
               size_t (*put)(struct file *f, const u8 *buf, size_t n, long *rc));

/* ---- session.c ---- */
bool pty_controls(const struct pty *p); /* is it the caller's terminal? */
/* Makes it the terminal of the caller's session; -EPERM.  steal: from another one. */
long pty_control(struct pty *p, bool steal);
long pty_abandon(struct pty *p); /* TIOCNOTTY */
void pty_hangup(struct pty *p);
void pty_signal(struct pty *p, int sig); /* to the foreground group */
long pty_background(struct pty *p, int sig);
long pty_get_foreground(struct pty *p, bool master, uptr arg);
long pty_set_foreground(struct pty *p, uptr arg);
long pty_get_session(struct pty *p, bool master, uptr arg);

static inline void pty_wake(struct waitq *q, u32 key)
{
    if (READ_ONCE(q->waiters.next) != &q->waiters)
        waitq_wake_all(q, key);
}

#endif
