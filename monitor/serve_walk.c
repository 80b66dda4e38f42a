/* Several components of a path in one answer: what a path walk inside is going to ask next.
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

/* The attributes of `uri`, and a link's text, into *step, whose text has `room` bytes. */
static int look_up(struct sandbox *s, const char *uri, struct host_step *step, size_t room)
{
    struct place place;
    struct statx st;
    ssize_t text = 0;
    int rc = place_find(s, uri, &place);
    int fd = rc < 0 ? rc : place_open(s, &place, O_PATH, 0);

    if (fd < 0)
        return fd;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &st) <
        0)
        rc = -errno;
    else if (S_ISLNK(st.stx_mode) && (text = readlinkat(fd, "", step->link, room)) < 0)
        rc = -errno;
    close(fd);
    if (rc < 0)
        return rc;
    if ((size_t)text + 8 >= room)
        return -ENAMETOOLONG;
    memset(step->link + text, 0, 8);
    attr_from_statx(&step->attr, &st);
    step->size = (uint32_t)((sizeof(*step) + (size_t)text + 8) & ~7UL);
    step->reserved = 0;
    return S_ISDIR(st.stx_mode);
}

long serve_walk(struct sandbox *s, struct request *r, const char *from)
{
    char uri[MESSAGE_URI_MAX];
    size_t room = r->room - sizeof(r->get), used = 0;
    size_t end = (size_t)snprintf(uri, sizeof(uri), "%s", from);
    long count = 0;

    if (r->get.known >= end || end >= sizeof(uri))
        return -EINVAL;
    if (room > r->get.size)
        room = r->get.size;
    end = r->get.known;
    r->get.known = 0;
    for (int directory = 1; directory && count < STEPS_MAX; count++) {
        struct host_step *step = (void *)(r->get.text + used);
        if (used + sizeof(*step) + 8 >= room)
            break;
        end += strcspn(uri + end + 1, "/") + 1;
        char cut = uri[end];
        uri[end] = 0;
        directory = look_up(s, uri, step, room - used - sizeof(*step));
        uri[end] = cut;
        if (directory < 0 && count == 0)
            return directory;
        r->get.known = directory == -ENOENT;
        if (directory < 0)
            break;
        used += step->size;
        directory = directory && cut;
    }
    r->get.size = (uint32_t)used;
    r->reply = sizeof(r->get) + used;
    return count;
}
