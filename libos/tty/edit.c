/* Correcting the line being typed: erase a character, a word, the line, and show it. */
#include "lib.h"
#include "pty.h"

void pty_erase_end(struct pty *p)
{
    if (p->erasing) {
        pty_echo_raw(p, '/');
        p->erasing = false;
    }
}

static bool in_word(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static u8 typed_at(const struct pty *p, u32 pos) { return p->in[pos % PTY_INPUT]; }

/* Back over a tab: as far as it went, which depends on what stands before it. */
static void unshow_tab(struct pty *p)
{
    u32 columns = 0, pos = p->in_head;
    bool after_tab = false;

    while (pos != p->in_canon && !after_tab) {
        u8 c = typed_at(p, --pos);

        if (c == '\t')
            after_tab = true;
        else if (is_control(c))
            columns += pty_lflag(p, ECHOCTL) ? 2 : 0;
        else if (!pty_continues(p, c))
            columns++;
    }
    if (!after_tab)
        columns += p->canon_column;
    for (u32 n = 8 - (columns & 7); n; n--)
        pty_echo_raw(p, '\b');
}

static void wipe(struct pty *p)
{
    pty_echo_raw(p, '\b');
    pty_echo_raw(p, ' ');
    pty_echo_raw(p, '\b');
}

/* Shows that the character c, `n` bytes at p->in_head, is gone. */
static void unshow(struct pty *p, u8 c, u32 n, bool single)
{
    if (pty_lflag(p, ECHOPRT)) {
        if (!p->erasing)
            pty_echo_raw(p, '\\');
        p->erasing = true;
        pty_echo(p, c);
        for (u32 i = 1; i < n; i++)
            pty_echo_raw(p, typed_at(p, p->in_head + i));
    } else if (single && !pty_lflag(p, ECHOE)) {
        pty_echo(p, p->modes.c_cc[VERASE]);
    } else if (c == '\t') {
        unshow_tab(p);
    } else {
        if (is_control(c) && pty_lflag(p, ECHOCTL))
            wipe(p);
        if (!is_control(c) || pty_lflag(p, ECHOCTL))
            wipe(p);
    }
}

/* VKILL on terminals that don't wipe the line character by character. */
static bool kill_at_once(struct pty *p)
{
    const u32 wiping = ECHOK | ECHOKE | ECHOE;
    bool echo = pty_lflag(p, ECHO);

    if (echo && (p->modes.c_lflag & wiping) == wiping)
        return false;
    p->in_head = p->in_canon;
    if (echo) {
        pty_erase_end(p);
        pty_echo(p, p->modes.c_cc[VKILL]);
        if (pty_lflag(p, ECHOK))
            pty_echo_raw(p, '\n');
    }
    return true;
}

void pty_erase(struct pty *p, u8 key)
{
    bool single = pty_is(p, VERASE, key), word = !single && pty_is(p, VWERASE, key);
    bool seen = false;

    if (p->in_head == p->in_canon)
        return;
    if (!single && !word && kill_at_once(p))
        return;
    while (p->in_head != p->in_canon) {
        u32 head = p->in_head, n;
        u8 c;

        do {
            c = typed_at(p, --head);
        } while (pty_continues(p, c) && head != p->in_canon);
        if (pty_continues(p, c)) /* the rest of a character: leave it */
            break;
        if (word && !in_word(c) && seen)
            break;
        seen |= in_word(c);
        n = p->in_head - head;
        p->in_head = head;
        if (pty_lflag(p, ECHO))
            unshow(p, c, n, single);
        if (single)
            break;
    }
    if (p->in_head == p->in_canon && pty_lflag(p, ECHO))
        pty_erase_end(p);
}
