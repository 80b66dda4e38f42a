/* What a slave's read gets of the input: lines, or in raw mode what there is. */
#include "lib.h"
#include "pty.h"

bool pty_readable(const struct pty *p, bool poll)
{
    u32 min = 1;

    if (pty_lflag(p, ICANON))
        return p->in_canon != p->in_tail;
    if (poll && !p->modes.c_cc[VTIME] && p->modes.c_cc[VMIN])
        min = p->modes.c_cc[VMIN];
    return pty_typed(p) >= min;
}

static bool at_end_of_file(const struct pty *p, u32 pos)
{
    return pos != p->in_canon && pty_line_end(p, pos) && p->in[pos % PTY_INPUT] == 0;
}

static size_t take_line(struct pty *p, u8 *buf, size_t n, bool *end)
{
    size_t i = 0;

    while (i < n && p->in_tail != p->in_canon && !*end) {
        u32 pos = p->in_tail++;

        if (pty_line_end(p, pos)) {
            *end = true;
            pty_set_end(p, pos, false);
            if (p->in[pos % PTY_INPUT] == 0)
                break;
        }
        buf[i++] = p->in[pos % PTY_INPUT];
    }
    return i;
}

size_t pty_take(struct pty *p, u8 *buf, size_t n, bool *end)
{
    size_t i = 0;

    *end = false;
    if (pty_lflag(p, ICANON)) {
        /* The end of file behind the last byte of a full buffer was meant for that read. */
        if (n == 0 && at_end_of_file(p, p->in_tail))
            pty_set_end(p, p->in_tail++, false);
        return take_line(p, buf, n, end);
    }
    while (i < n && p->in_tail != p->in_head)
        buf[i++] = p->in[p->in_tail++ % PTY_INPUT];
    p->in_canon = p->in_tail;
    return i;
}

s32 pty_waiting(const struct pty *p)
{
    s32 n = 0;

    if (!pty_lflag(p, ICANON))
        return (s32)pty_typed(p);
    for (u32 pos = p->in_tail; pos != p->in_canon; pos++)
        n += !at_end_of_file(p, pos);
    return n;
}
