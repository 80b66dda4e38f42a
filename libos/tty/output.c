/* From a slave to the master: output processing, and the echo of what was typed.
 *
 * Echo is processed when it comes, as output is, and waits in a ring of its own while the
 * output is stopped or full; what does not fit there is lost, as on a real terminal.  It
 * goes out before anything that is written later.
 */
#include "lib.h"
#include "pty.h"

/* What a character becomes, and the column it leads to. */
static size_t cook_newline(struct pty *p, u8 *buf)
{
    if (pty_oflag(p, ONLRET))
        p->column = 0;
    if (pty_oflag(p, ONLCR)) {
        p->canon_column = p->column = 0;
        buf[0] = '\r';
        buf[1] = '\n';
        return 2;
    }
    buf[0] = '\n';
    return 1;
}

static size_t cook_return(struct pty *p, u8 *buf)
{
    if (pty_oflag(p, ONOCR) && p->column == 0)
        return 0;
    buf[0] = '\r';
    if (pty_oflag(p, OCRNL)) {
        buf[0] = '\n';
        if (!pty_oflag(p, ONLRET))
            return 1;
    }
    p->canon_column = p->column = 0;
    return 1;
}

static size_t cook_tab(struct pty *p, u8 *buf)
{
    u32 n = 8 - (p->column & 7);

    p->column += n;
    if ((p->modes.c_oflag & TABDLY) != XTABS) {
        buf[0] = '\t';
        return 1;
    }
    memset(buf, ' ', n);
    return n;
}

static size_t cook(struct pty *p, u8 c, u8 buf[PTY_COOKED])
{
    buf[0] = c;
    if (!pty_oflag(p, OPOST))
        return 1;
    switch (c) {
    case '\n':
        return cook_newline(p, buf);
    case '\r':
        return cook_return(p, buf);
    case '\t':
        return cook_tab(p, buf);
    case '\b':
        if (p->column)
            p->column--;
        return 1;
    default:
        if (is_control(c))
            return 1;
        if (pty_oflag(p, OLCUC) && c >= 'a' && c <= 'z')
            buf[0] = (u8)(c - 'a' + 'A');
        if (!pty_continues(p, c))
            p->column++;
        return 1;
    }
}

static void out_put(struct pty *p, const u8 *buf, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p->out[p->out_head++ % PTY_OUTPUT] = buf[i];
}

size_t pty_output(struct pty *p, const u8 *buf, size_t n)
{
    u8 cooked[PTY_COOKED];
    size_t i = 0;

    pty_echo_drain(p);
    while (i < n && pty_output_room(p))
        out_put(p, cooked, cook(p, buf[i++], cooked));
    return i;
}

size_t pty_output_take(struct pty *p, u8 *buf, size_t n)
{
    size_t i = 0;

    while (i < n && p->out_tail != p->out_head)
        buf[i++] = p->out[p->out_tail++ % PTY_OUTPUT];
    pty_echo_drain(p);
    return i;
}

void pty_output_flush(struct pty *p)
{
    p->out_tail = p->out_head;
    p->echo_tail = p->echo_head;
}

/* ---- echo ----------------------------------------------------------------------------- */

void pty_echo_drain(struct pty *p)
{
    while (p->echo_tail != p->echo_head && pty_output_room(p))
        p->out[p->out_head++ % PTY_OUTPUT] = p->echo[p->echo_tail++ % PTY_ECHO];
}

void pty_echo_raw(struct pty *p, u8 c)
{
    u8 cooked[PTY_COOKED];
    size_t n;

    if (PTY_ECHO - (p->echo_head - p->echo_tail) < PTY_COOKED)
        return;
    n = cook(p, c, cooked);
    for (size_t i = 0; i < n; i++)
        p->echo[p->echo_head++ % PTY_ECHO] = cooked[i];
}

void pty_echo(struct pty *p, u8 c)
{
    if (!pty_lflag(p, ECHOCTL) || !is_control(c) || c == '\t') {
        pty_echo_raw(p, c);
        return;
    }
    pty_echo_raw(p, '^');
    pty_echo_raw(p, c ^ 0100);
}
