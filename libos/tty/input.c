/* From the master to the slaves: what a typed character means.
 *
 * The order of the tests is that of Linux; programs notice (a VINTR that is also VERASE).
 */
#include <asm/ioctls.h>

#include "lib.h"
#include "pty.h"

/* One position stays free, but for a line that is too long already: its end must come
 * through, and replaces the last character. */
bool pty_input_room(const struct pty *p)
{
    u32 left = PTY_INPUT - pty_typed(p);

    if (pty_iflag(p, PARMRK))
        left /= 3;
    return left > 1 || (pty_lflag(p, ICANON) && p->in_canon == p->in_tail);
}

static void put(struct pty *p, u8 c)
{
    if (pty_typed(p) == PTY_INPUT)
        p->in_head--;
    p->in[p->in_head++ % PTY_INPUT] = c;
}

static void put_data(struct pty *p, u8 c)
{
    if (c == 0xff && pty_iflag(p, PARMRK))
        put(p, c);
    put(p, c);
}

void pty_input_flush(struct pty *p)
{
    p->in_tail = p->in_canon = p->in_head;
    memset(p->ends, 0, sizeof(p->ends));
    p->literal = p->erasing = false;
}

void pty_start(struct pty *p)
{
    if (p->stopped && p->packet)
        p->packet_status = (p->packet_status & (u8)~TIOCPKT_STOP) | TIOCPKT_START;
    p->stopped = false;
    pty_echo_drain(p);
}

void pty_stop(struct pty *p)
{
    if (!p->stopped && p->packet)
        p->packet_status = (p->packet_status & (u8)~TIOCPKT_START) | TIOCPKT_STOP;
    p->stopped = true;
}

void pty_input_modes(struct pty *p, const struct termios2 *old)
{
    u32 changed = p->modes.c_lflag ^ old->c_lflag;

    if (changed & (ICANON | EXTPROC)) {
        memset(p->ends, 0, sizeof(p->ends));
        p->literal = p->erasing = false;
        p->in_canon = p->in_tail;
        if (pty_lflag(p, ICANON) && pty_typed(p)) { /* all of it can be read at once */
            pty_set_end(p, p->in_head - 1, true);
            p->in_canon = p->in_head;
        }
    }
    if (!pty_iflag(p, IXON) && (old->c_iflag & IXON))
        pty_start(p);
}

/* ---- one character ------------------------------------------------------------------------ */

static void echo_data(struct pty *p, u8 c)
{
    if (!pty_lflag(p, ECHO))
        return;
    pty_erase_end(p);
    if (c == '\n') {
        pty_echo_raw(p, c);
        return;
    }
    if (p->in_canon == p->in_head)
        p->canon_column = p->column;
    pty_echo(p, c);
}

static void take_data(struct pty *p, u8 c)
{
    echo_data(p, c);
    put_data(p, c);
}

static void end_line(struct pty *p, u8 c)
{
    if (pty_typed(p) == PTY_INPUT)
        p->in_head--;
    pty_set_end(p, p->in_head, true);
    put(p, c);
    p->in_canon = p->in_head;
}

static int signal_of(struct pty *p, u8 c)
{
    if (!pty_lflag(p, ISIG))
        return 0;
    return pty_is(p, VINTR, c)   ? SIGINT
           : pty_is(p, VQUIT, c) ? SIGQUIT
           : pty_is(p, VSUSP, c) ? SIGTSTP
                                 : 0;
}

static int take_signal(struct pty *p, u8 c, int sig)
{
    if (!pty_lflag(p, NOFLSH)) {
        pty_input_flush(p);
        pty_output_flush(p);
        if (p->packet)
            p->packet_status |= TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE;
    }
    if (pty_iflag(p, IXON))
        pty_start(p);
    if (pty_lflag(p, ECHO))
        pty_echo(p, c);
    return sig;
}

static void show_literal(struct pty *p)
{
    p->literal = true;
    if (!pty_lflag(p, ECHO))
        return;
    pty_erase_end(p);
    if (pty_lflag(p, ECHOCTL)) {
        pty_echo_raw(p, '^');
        pty_echo_raw(p, '\b');
    }
}

static void reprint(struct pty *p, u8 c)
{
    pty_erase_end(p);
    pty_echo(p, c);
    pty_echo_raw(p, '\n');
    for (u32 pos = p->in_canon; pos != p->in_head; pos++)
        pty_echo(p, p->in[pos % PTY_INPUT]);
}

/* Characters with a meaning in a line; false: it has none. */
static bool take_line_key(struct pty *p, u8 c)
{
    bool more = pty_lflag(p, IEXTEN);

    if (pty_is(p, VERASE, c) || pty_is(p, VKILL, c) || (more && pty_is(p, VWERASE, c))) {
        pty_erase(p, c);
    } else if (more && pty_is(p, VLNEXT, c)) {
        show_literal(p);
    } else if (more && pty_lflag(p, ECHO) && pty_is(p, VREPRINT, c)) {
        reprint(p, c);
    } else if (c == '\n') {
        if (pty_lflag(p, ECHO | ECHONL))
            pty_echo_raw(p, c);
        end_line(p, c);
    } else if (pty_is(p, VEOF, c)) {
        end_line(p, 0);
    } else if (pty_is(p, VEOL, c) || (more && pty_is(p, VEOL2, c))) {
        if (pty_lflag(p, ECHO))
            echo_data(p, c);
        if (c == 0xff && pty_iflag(p, PARMRK))
            put(p, c);
        end_line(p, c);
    } else {
        return false;
    }
    return true;
}

/* VSTART and VSTOP; the same character for both toggles. */
static bool take_flow(struct pty *p, u8 c)
{
    if (!pty_iflag(p, IXON))
        return false;
    if (pty_is(p, VSTART, c) && (p->stopped || !pty_is(p, VSTOP, c)))
        pty_start(p);
    else if (pty_is(p, VSTOP, c))
        pty_stop(p);
    else
        return false;
    return true;
}

static int take(struct pty *p, u8 c)
{
    int sig;

    if (take_flow(p, c))
        return 0;
    sig = signal_of(p, c);
    if (sig)
        return take_signal(p, c, sig);
    if (p->stopped && pty_iflag(p, IXON) && pty_iflag(p, IXANY))
        pty_start(p);
    if (c == '\r') {
        if (pty_iflag(p, IGNCR))
            return 0;
        if (pty_iflag(p, ICRNL))
            c = '\n';
    } else if (c == '\n' && pty_iflag(p, INLCR)) {
        c = '\r';
    }
    if (!pty_lflag(p, ICANON) || !take_line_key(p, c))
        take_data(p, c);
    return 0;
}

int pty_input(struct pty *p, u8 c)
{
    int sig = 0;

    if (pty_typed(p) == PTY_INPUT)
        p->in_head--; /* the line is too long: this one replaces the last */
    if (pty_iflag(p, ISTRIP))
        c &= 0x7f;
    if (pty_iflag(p, IUCLC) && pty_lflag(p, IEXTEN) && c >= 'A' && c <= 'Z')
        c = (u8)(c - 'A' + 'a');
    if (p->literal) {
        p->literal = false;
        take_data(p, c);
    } else if (pty_lflag(p, EXTPROC)) {
        put_data(p, c);
    } else {
        sig = take(p, c);
    }
    pty_echo_drain(p);
    return sig;
}
