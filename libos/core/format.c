/* The printf subset of lib.h and texts that grow. */
#include "lib.h"

/* Where the output goes: counts past the end instead of writing there. */
struct out {
    char *buf;
    size_t n, len;
};

/* One conversion: % flags width . precision. */
struct spec {
    bool left, zero;
    int width, precision; /* precision -1: none given */
    int longs;            /* 0 int, 1 and more: 64 bits */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->n)
        o->buf[o->len] = c;
    o->len++;
}

static void put_pad(struct out *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

static void put_text(struct out *o, const char *s, size_t n, const struct spec *f)
{
    int pad = f->width - (int)n;

    if (!f->left)
        put_pad(o, ' ', pad);
    for (size_t i = 0; i < n; i++)
        put(o, s[i]);
    if (f->left)
        put_pad(o, ' ', pad);
}

static void put_number(struct out *o, u64 v, unsigned base, bool upper, const char *prefix,
                       const struct spec *f)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char tmp[24];
    int n = 0, prefix_len = (int)strlen(prefix);

    if (v == 0 && f->precision != 0)
        tmp[n++] = '0';
    for (; v; v /= base)
        tmp[n++] = digits[v % base];

    int zeros = f->precision - n;
    if (f->precision < 0 && f->zero && !f->left)
        zeros = f->width - prefix_len - n;
    zeros = MAX(zeros, 0);
    int pad = f->width - prefix_len - zeros - n;
    if (!f->left)
        put_pad(o, ' ', pad);
    while (*prefix)
        put(o, *prefix++);
    put_pad(o, '0', zeros);
    while (n)
        put(o, tmp[--n]);
    if (f->left)
        put_pad(o, ' ', pad);
}

/* Parses the part between % and the conversion letter. */
static const char *parse_spec(const char *p, struct spec *f, va_list *ap)
{
    *f = (struct spec){.precision = -1};
    for (;; p++) {
        if (*p == '-')
            f->left = true;
        else if (*p == '0')
            f->zero = true;
        else
            break;
    }
    if (*p == '*') {
        f->width = va_arg(*ap, int);
        p++;
        if (f->width < 0) {
            f->left = true;
            f->width = -f->width;
        }
    } else {
        while (*p >= '0' && *p <= '9')
            f->width = f->width * 10 + (*p++ - '0');
    }
    if (*p == '.') {
        f->precision = 0;
        if (*++p == '*') {
            f->precision = va_arg(*ap, int);
            p++;
        } else {
            while (*p >= '0' && *p <= '9')
                f->precision = f->precision * 10 + (*p++ - '0');
        }
    }
    for (; *p == 'l' || *p == 'z'; p++)
        f->longs++;
    return p;
}

static void convert(struct out *o, char c, const struct spec *f, va_list *ap)
{
    switch (c) {
    case 'd':
    case 'i': {
        s64 v = f->longs ? va_arg(*ap, s64) : va_arg(*ap, int);
        put_number(o, v < 0 ? -(u64)v : (u64)v, 10, false, v < 0 ? "-" : "", f);
        break;
    }
    case 'u':
    case 'x':
    case 'X':
    case 'o': {
        u64 v = f->longs ? va_arg(*ap, u64) : va_arg(*ap, unsigned);
        put_number(o, v, c == 'u' ? 10 : c == 'o' ? 8 : 16, c == 'X', "", f);
        break;
    }
    case 'p':
        put_number(o, (u64)va_arg(*ap, void *), 16, false, "0x", f);
        break;
    case 'c': {
        char ch = (char)va_arg(*ap, int);
        put_text(o, &ch, 1, f);
        break;
    }
    case 's': {
        const char *s = va_arg(*ap, const char *);
        if (!s)
            s = "(null)";
        put_text(o, s, f->precision >= 0 ? strnlen(s, (size_t)f->precision) : strlen(s), f);
        break;
    }
    default:
        put(o, c);
    }
}

int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap)
{
    struct out o = {buf, n, 0};
    struct spec f;
    va_list args;

    va_copy(args, ap);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &f, &args);
        if (!*fmt)
            break;
        convert(&o, *fmt, &f, &args);
    }
    va_end(args);
    if (n)
        buf[MIN(o.len, n - 1)] = 0;
    return (int)o.len;
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(buf, n, fmt, ap);
    va_end(ap);
    return len;
}

void text_add(struct textbuf *b, const char *fmt, ...)
{
    va_list ap;
    size_t room = b->cap - b->len;

    va_start(ap, fmt);
    size_t len = (size_t)vsnprintf(b->p + b->len, room, fmt, ap);
    va_end(ap);
    if (len >= room) { /* the terminator takes one */
        b->full = true;
        len = room ? room - 1 : 0;
    }
    b->len += len;
}

void text_bytes(struct textbuf *b, const void *p, size_t n)
{
    size_t room = b->cap - b->len;

    if (n > room) {
        b->full = true;
        n = room;
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
}
