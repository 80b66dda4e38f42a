/* Extended attributes of a mapped EROFS image; see erofs_image.h. */
#include <linux/errno.h>

#include "erofs_image.h"
#include "lib.h"

static const struct {
    u8 space;
    bool whole; /* the prefix is the name */
    const char *prefix;
} spaces[] = {
    {EROFS_XATTR_USER, false, "user."},
    {EROFS_XATTR_ACL_ACCESS, true, "system.posix_acl_access"},
    {EROFS_XATTR_ACL_DEFAULT, true, "system.posix_acl_default"},
    {EROFS_XATTR_TRUSTED, false, "trusted."},
    {EROFS_XATTR_SECURITY, false, "security."},
};

/* Goes over the attributes of an inode: first those shared between inodes, then its own. */
struct cursor {
    const struct erofs_image *im;
    u64 list;   /* numbers of the shared ones still to come */
    u32 shared; /* how many */
    u64 next, end;
    struct erofs_xattr_entry e; /* the one in hand, */
    u64 name;                   /* and where its name lies, the value behind it */
};

static long cursor_open(struct cursor *c, const struct erofs_image *im, const struct erofs_inode *i)
{
    struct erofs_xattr_header h;
    long rc;

    *c = (struct cursor){.im = im};
    if (!i->xattrs_size)
        return 0;
    rc = erofs_copy(im, i->xattrs, &h, sizeof(h));
    if (rc)
        return rc;
    c->list = i->xattrs + sizeof(h);
    c->end = i->xattrs + i->xattrs_size;
    c->shared = h.shared;
    c->next = c->list + 4UL * h.shared;
    return c->next > c->end ? -EUCLEAN : 0;
}

/* 1, or 0 at the end. */
static long cursor_next(struct cursor *c)
{
    bool own = c->shared == 0;
    u64 at = c->next;
    u32 number;
    long rc;

    if (!own) {
        rc = erofs_copy(c->im, c->list, &number, sizeof(number));
        if (rc)
            return rc;
        at = c->im->shared_xattrs + 4UL * number;
        c->list += sizeof(number);
        c->shared--;
    } else if (c->end < sizeof(c->e) || at > c->end - sizeof(c->e)) {
        return 0;
    }
    rc = erofs_copy(c->im, at, &c->e, sizeof(c->e));
    if (rc)
        return rc;
    c->name = at + sizeof(c->e);
    if (own) {
        u64 size = sizeof(c->e) + c->e.name_len + c->e.value_size;
        if (size > c->end - at)
            return -EUCLEAN;
        c->next = at + ALIGN_UP(size, 4UL);
        if (!c->e.name_len && !c->e.space)
            return 0; /* padding */
    }
    return 1;
}

/* Full name of the one in hand; its length, 0 for a name space unknown here. */
static long full_name(const struct cursor *c, char *name)
{
    for (size_t s = 0; s < ARRAY_SIZE(spaces); s++) {
        if (spaces[s].space != c->e.space)
            continue;
        size_t n = strlcpy(name, spaces[s].prefix, XATTR_TEXT);
        u32 rest = spaces[s].whole ? 0 : c->e.name_len;
        long rc = erofs_copy(c->im, c->name, name + n, rest);
        name[n + rest] = 0;
        if (rc)
            return rc;
        return strlen(name) == n + rest ? (long)(n + rest) : -EUCLEAN;
    }
    return 0;
}

long erofs_xattr_get(const struct erofs_image *im, const struct erofs_inode *i, const char *name,
                     void *buf, size_t n)
{
    char text[XATTR_TEXT];
    struct cursor c;
    long rc = cursor_open(&c, im, i);

    while (rc >= 0 && (rc = cursor_next(&c)) > 0) {
        rc = full_name(&c, text);
        if (rc <= 0 || strcmp(text, name) != 0)
            continue;
        if (n && n < c.e.value_size)
            return -ERANGE;
        rc = n ? erofs_copy(im, c.name + c.e.name_len, buf, c.e.value_size) : 0;
        return rc ? rc : c.e.value_size;
    }
    return rc < 0 ? rc : -ENODATA;
}

long erofs_xattr_name(const struct erofs_image *im, const struct erofs_inode *i, u32 n, char *name)
{
    struct cursor c;
    long rc = cursor_open(&c, im, i);

    while (rc >= 0 && (rc = cursor_next(&c)) > 0) {
        rc = full_name(&c, name);
        if (rc > 0 && n-- == 0)
            return 1;
    }
    return rc;
}
