/* Several components of a path in one answer: what a path walk inside is going to ask next,
 * through symbolic links whose text is a plain path of the same export, up to the file itself
 * if that is going to be read.
 *
 * Each prefix is looked up as if it had been asked for alone, with the policy's word on it;
 * so an answer says nothing that could not be learnt name by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"
#include "serve.h"

#define STEPS_MAX 32
#define LINKS_MAX 8

struct walk {
    struct sandbox *s;
    char uri[MESSAGE_URI_MAX];
    size_t end;  /* of the prefix looked at */
    bool last;   /* that is all of it */
    bool open;   /* the last component is going to be read */
    bool rooted; /* absolute links stay in the export */
    unsigned links;
    int fd; /* the last component, opened for reading, or -1 */
};

/* What is at the place, by name only unless it may be what is going to be read.  (Opening
 * does no harm to what is no file: nobody but root can put such things among system files.) */
static int open_prefix(struct walk *w, const struct place *place, struct statx *st)
{
    int fd = -ELOOP;

    if (w->open && w->last && place->shown == POLICY_SYSTEM)
        fd = place_open(w->s, place, O_RDONLY | O_NONBLOCK, 0);
    if (fd >= 0)
        w->fd = fd;
    else if (fd != -ENOENT)
        fd = place_open(w->s, place, O_PATH, 0);
    if (fd < 0)
        return fd;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, st) <
        0)
        memset(st, 0, sizeof(*st));
    if (!S_ISREG(st->stx_mode))
        w->fd = -1;
    else if (w->open && w->last && w->fd < 0 && place->shown == POLICY_WORKDIR)
        w->fd = place_reopen(w->s, fd, O_RDONLY);
    return fd;
}

/* The attributes of the prefix, and a link's text, into *step, whose text has `room` bytes;
 * its type, or -errno. */
static int look_up(struct walk *w, struct host_step *step, size_t room)
{
    struct place place;
    struct statx st;
    ssize_t text = 0;
    int rc = place_find(w->s, w->uri, &place);
    int fd = rc < 0 ? rc : open_prefix(w, &place, &st);

    if (fd < 0)
        return fd;
    w->rooted = place.export->host_base;
    if (!st.stx_mode || (S_ISLNK(st.stx_mode) && (text = readlinkat(fd, "", step->link, room)) < 0))
        rc = -EIO;
    if (w->fd != fd)
        close(fd);
    if (rc == 0 && (size_t)text + 8 >= room)
        rc = -ENAMETOOLONG;
    if (rc < 0)
        return rc;
    memset(step->link + text, 0, 8);
    attr_from_statx(&step->attr, &st);
    step->size = (uint32_t)((sizeof(*step) + (size_t)text + 8) & ~7UL);
    step->reserved = 0;
    return st.stx_mode & S_IFMT;
}

/* Puts a link's text into its place: the next component begins behind w->end.  Text that is
 * no plain path gives a prefix that is no place, which ends the walk. */
static bool follow(struct walk *w, const char *text)
{
    static char rest[MESSAGE_URI_MAX];
    size_t at = strcspn(w->uri, "/");

    if (w->links++ == LINKS_MAX || (*text == '/' && !w->rooted))
        return false;
    strcpy(rest, w->uri + w->end);
    for (size_t i = at; *text != '/' && i < w->end; i++)
        if (w->uri[i] == '/')
            at = i;
    text += *text == '/';
    if (at + 1 + strlen(text) + strlen(rest) >= sizeof(w->uri))
        return false;
    snprintf(w->uri + at, sizeof(w->uri) - at, "/%s%s", text, rest);
    w->end = at;
    return true;
}

/* One component further.  1: there may be more; 0: it was the last; or -errno. */
static int walk_on(struct walk *w, struct host_step *step, size_t room)
{
    w->end += strcspn(w->uri + w->end + 1, "/") + 1;
    char cut = w->uri[w->end];
    w->uri[w->end] = 0;
    w->last = !cut;
    int type = look_up(w, step, room);
    w->uri[w->end] = cut;
    if (type == S_IFLNK && (w->open || !w->last))
        return follow(w, step->link);
    return type < 0 ? type : type == S_IFDIR && !w->last;
}

long serve_walk(struct sandbox *s, struct request *r, const char *from)
{
    static struct walk w;
    size_t room = r->room - sizeof(r->get), used = 0;
    size_t length = (size_t)snprintf(w.uri, sizeof(w.uri), "%s", from);
    int count = 0;

    if (r->get.known >= length || length >= sizeof(w.uri))
        return -EINVAL;
    w.s = s;
    w.end = r->get.known;
    w.open = r->get.what == MESSAGE_WALK_OPEN;
    w.links = 0;
    w.fd = -1;
    if (room > r->get.size)
        room = r->get.size;
    r->get.known = 0;
    for (int more = 1; more > 0 && count < STEPS_MAX; count++) {
        struct host_step *step = (void *)(r->get.text + used);
        if (used + sizeof(*step) + 8 >= room)
            break;
        more = walk_on(&w, step, room - used - sizeof(*step));
        if (more < 0 && count == 0)
            return more;
        r->get.known = more == -ENOENT;
        if (more < 0)
            break;
        used += step->size;
    }
    r->get.size = (uint32_t)used;
    r->get.handle = count;
    r->reply = sizeof(r->get) + used;
    r->send_fd = w.fd;
    return w.open ? 0 : count;
}
