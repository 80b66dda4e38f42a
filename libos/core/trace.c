/* --trace: one line per system call, in strace's form:
 *
 *     [tid] name(arg, ...) = result <seconds>
 *
 * Arguments are decoded by the kinds in the system-call table.  What a call only reads
 * is decoded before it (the call may overwrite it), what it writes, after it.  A line is
 * written with one host write, so lines of threads don't mix. */
#include "kalloc.h"
#include "ktime.h"
#include "lib.h"
#include "syscall.h"
#include "thread.h"
#include "trace.h"
#include "trace_names.h"
#include "usercopy.h"

#define LINE         1024
#define STRING_SHOWN 32

struct trace_line { /* of a thread in a call; kept in the thread while it runs */
    struct textbuf text;
    u64 start;
    char buf[LINE];
};

static void write_line(struct textbuf *b)
{
    struct host_iovec v;

    if (b->full)
        b->len = b->cap - 1;
    b->p[b->len++] = '\n';
    v = (struct host_iovec){b->p, b->len};
    host_write(boot()->trace_handle, &v, 1, HOST_AT_POSITION, 0);
}

static void add_bytes(struct textbuf *b, uptr p, size_t n, bool string)
{
    u8 data[STRING_SHOWN + 1];
    size_t want = MIN(n, (size_t)STRING_SHOWN), got = want - user_copy_in(data, p, want);

    if (!p || (got == 0 && want)) {
        text_add(b, p ? "0x%lx" : "NULL", p);
        return;
    }
    text_add(b, "\"");
    for (size_t i = 0; i < got; i++) {
        u8 c = data[i];
        if (string && c == 0)
            goto end;
        if (c == '\n')
            text_add(b, "\\n");
        else if (c == '"' || c == '\\')
            text_add(b, "\\%c", c);
        else if (c >= 32 && c < 127)
            text_add(b, "%c", c);
        else
            text_add(b, "\\%o", c);
    }
    if (n > got) {
        text_add(b, "\"...");
        return;
    }
end:
    text_add(b, "\"");
}

static void add_path(struct textbuf *b, uptr p)
{
    char *path = kmalloc(4096);

    if (path && p && strncpy_from_user(path, p, 4096) >= 0)
        text_add(b, "\"%s\"", path);
    else
        text_add(b, p ? "0x%lx" : "NULL", p);
    kfree(path);
}

static void add_flags(struct textbuf *b, u32 v, const struct flag_name *f, const char *none)
{
    bool any = none != NULL;

    text_add(b, "%s", none ? none : "");
    for (; f->name; f++) {
        if ((v & f->bits) == f->bits) {
            text_add(b, "%s%s", any ? "|" : "", f->name);
            v &= ~f->bits;
            any = true;
        }
    }
    if (v || !any)
        text_add(b, any ? "|0x%x" : "0x%x", v);
}

static void add_pair(struct textbuf *b, uptr p, const char *unit)
{
    s64 v[2];

    if (!p || copy_from_user(v, p, sizeof(v)))
        text_add(b, p ? "0x%lx" : "NULL", p);
    else
        text_add(b, "{tv_sec=%ld, tv_%s=%ld}", v[0], unit, v[1]);
}

static void add_stat(struct textbuf *b, uptr p)
{
    u64 st[18];

    if (copy_from_user(st, p, sizeof(st)))
        text_add(b, "0x%lx", p);
    else
        text_add(b, "{st_mode=0%o, st_size=%lu, ...}", (u32)st[3], st[6]);
}

/* kind: as in the table, up to a space or the end. */
static bool is(const char *kind, const char *name)
{
    size_t n = strlen(name);
    return strncmp(kind, name, n) == 0 && (kind[n] == ' ' || kind[n] == '\0');
}

static void add_arg(struct textbuf *b, const char *kind, const u64 *a, long rc)
{
    u64 v = a[0];
    const char *name;

    if (is(kind, "path"))
        add_path(b, v);
    else if (is(kind, "str"))
        add_bytes(b, v, 4096, true);
    else if (is(kind, "buf"))
        add_bytes(b, v, a[1], false);
    else if (is(kind, "out") && rc >= 0)
        add_bytes(b, v, (size_t)rc, false);
    else if (is(kind, "of"))
        add_flags(b, (u32)v, (v & 3) ? open_flags : open_flags + 2, (v & 3) ? NULL : "O_RDONLY");
    else if (is(kind, "prot"))
        add_flags(b, (u32)v, prot_flags, v ? NULL : "PROT_NONE");
    else if (is(kind, "mmap"))
        add_flags(b, (u32)v, map_flags, NULL);
    else if (is(kind, "sig") && (name = signal_name((int)v)))
        text_add(b, "%s", name);
    else if (is(kind, "at") && (s32)v == -100)
        text_add(b, "AT_FDCWD");
    else if (is(kind, "mode"))
        text_add(b, "0%o", (u32)v);
    else if (is(kind, "ts"))
        add_pair(b, v, "nsec");
    else if (is(kind, "tv"))
        add_pair(b, v, "usec");
    else if (is(kind, "st") && rc >= 0)
        add_stat(b, v);
    else if (is(kind, "u"))
        text_add(b, "%u", (u32)v);
    else if (is(kind, "z"))
        text_add(b, "%lu", v);
    else if (is(kind, "l") || is(kind, "o"))
        text_add(b, "%ld", (long)v);
    else if (is(kind, "i") || is(kind, "f") || is(kind, "pid") || is(kind, "sig") || is(kind, "at"))
        text_add(b, "%d", (s32)v);
    else
        text_add(b, v ? "0x%lx" : is(kind, "x") ? "0" : "NULL", v);
}

static bool written_by_call(const char *kind) { return is(kind, "out") || is(kind, "st"); }

/* Adds arguments from *next on; stops before one that the call writes unless `all`. */
static const char *add_args(struct textbuf *b, const char *args, const u64 *a, int *next, bool all,
                            long rc)
{
    while (*args) {
        const char *kind = strchr(args, ':');
        if (!kind || (!all && written_by_call(kind + 1)))
            break;
        if (*next)
            text_add(b, ", ");
        add_arg(b, kind + 1, a + *next, rc);
        (*next)++;
        args = strchr(kind, ' ');
        if (!args)
            return "";
        args++;
    }
    return args;
}

static void begin(struct textbuf *b, char *buf)
{
    *b = (struct textbuf){.p = buf, .cap = LINE - 2};
    text_add(b, "[%d] ", current()->tid);
}

void trace_enter(u64 nr, const u64 *args)
{
    struct thread *t = current();
    struct trace_line *l = t->trace ? t->trace : kmalloc(sizeof(*l));

    t->trace = l;
    t->trace_args = 0;
    if (!l)
        return;
    begin(&l->text, l->buf);
    if (nr < SYSCALL_MAX && syscall_table[nr].name) {
        text_add(&l->text, "%s(", syscall_table[nr].name);
        l->text.p[l->text.len] = '\0';
        t->trace_rest = add_args(&l->text, syscall_table[nr].args, args, &t->trace_args, false, 0);
    } else {
        text_add(&l->text, "syscall_%ld(", (long)nr);
        t->trace_rest = "";
    }
    l->start = host_time(HOST_CLOCK_MONOTONIC);
}

void trace_leave(u64 nr, const u64 *args, long rc)
{
    struct thread *t = current();
    struct trace_line *l = t->trace;
    u64 us;

    if (!l)
        return;
    us = (host_time(HOST_CLOCK_MONOTONIC) - l->start) / 1000;
    add_args(&l->text, t->trace_rest, args, &t->trace_args, true, rc);
    if (rc < 0 && rc >= -MAX_ERRNO) {
        const char *name =
            rc <= -ERESTARTSYS && rc >= -ERESTART_RESTARTBLOCK ? "ERESTARTSYS" : errno_name(-rc);
        text_add(&l->text, ") = -1 %s", name ? name : "?");
        if (nr >= SYSCALL_MAX || !syscall_table[nr].call)
            text_add(&l->text, " (not served)");
    } else {
        bool address = nr == 9 || nr == 12 || nr == 25 || nr == 30;
        text_add(&l->text, address ? ") = 0x%lx" : ") = %ld", rc);
    }
    text_add(&l->text, " <%lu.%06lu>", us / 1000000, us % 1000000);
    write_line(&l->text);
}

void trace_event(const char *fmt, ...)
{
    char buf[LINE], msg[LINE / 2];
    struct textbuf b;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    begin(&b, buf);
    text_add(&b, "%s", msg);
    write_line(&b);
}
