/* Directory listing.  The last directory is kept open, because a long one is read in
 * several calls; positions are the host's own, so any position can be asked for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "place.h"
#include "serve.h"

struct linux_dirent64 {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

static struct {
    int fd;
    uint64_t next; /* position the descriptor stands at */
    char uri[MESSAGE_URI_MAX];
} last = {.fd = -1};

static void forget_last(void)
{
    if (last.fd >= 0)
        close(last.fd);
    last.fd = -1;
}

/* A descriptor of the directory, standing at `cookie`; it stays in `last`. */
static int directory_at(struct sandbox *s, const struct place *place, const char *uri,
                        uint64_t cookie)
{
    if (last.fd < 0 || cookie == 0 || strcmp(last.uri, uri) != 0) {
        forget_last();
        int fd = place_open(s, place, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
            return fd;
        last.fd = fd;
        last.next = 0;
        snprintf(last.uri, sizeof(last.uri), "%s", uri);
    }
    if (last.next != cookie && lseek(last.fd, (off_t)cookie, SEEK_SET) < 0)
        return -EINVAL;
    last.next = cookie;
    return last.fd;
}

/* Is this entry shown?  Only the host base hides any. */
static bool entry_shown(const struct sandbox *s, const struct place *place, const char *name)
{
    char path[MESSAGE_URI_MAX + 256];

    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    if (!place->export->host_base)
        return true;
    snprintf(path, sizeof(path), "%s%s%s", place->full, *place->full ? "/" : "", name);
    return policy_visible(path, s->workdir) != POLICY_HIDDEN;
}

/* Turns the host's records into ours; the bytes written.  A record of ours is never
 * longer than the host's. */
static size_t convert(const struct sandbox *s, const struct place *place, const uint8_t *from,
                      size_t size, uint8_t *to)
{
    size_t used = 0;

    for (size_t at = 0; at < size;) {
        const struct linux_dirent64 *in = (const void *)(from + at);
        at += in->reclen;
        last.next = (uint64_t)in->off;
        if (!entry_shown(s, place, in->name))
            continue;
        size_t name = strlen(in->name) + 1;
        size_t reclen = (offsetof(struct host_dirent, name) + name + 7) & ~7UL;
        struct host_dirent *out = (void *)(to + used);
        memset(out, 0, reclen);
        out->ino = in->ino;
        out->reclen = (uint16_t)reclen;
        out->type = in->type;
        memcpy(out->name, in->name, name);
        used += reclen;
    }
    return used;
}

long serve_list(struct sandbox *s, struct request *r)
{
    static uint8_t records[SLOT_MESSAGE_SIZE] __attribute__((aligned(8)));
    static char uri[MESSAGE_URI_MAX];
    const char *text = request_string(r, sizeof(r->list), NULL);
    size_t size = r->room - sizeof(r->list);
    struct place place;

    if (!text)
        return MALFORMED;
    if (r->list.size < size)
        size = r->list.size;
    if (size < 288) /* the longest record */
        return -EINVAL;
    snprintf(uri, sizeof(uri), "%s", text);
    int rc = place_find(s, uri, &place);
    if (rc < 0)
        return rc;
    if (place.export->file)
        return -ENOTDIR;
    int fd = directory_at(s, &place, uri, r->list.cookie);
    if (fd < 0)
        return fd;
    size_t used = 0;
    while (used == 0) { /* all that was read may be hidden */
        long n = syscall(SYS_getdents64, fd, records, size);
        if (n < 0)
            return -errno;
        if (n == 0) {
            forget_last();
            break;
        }
        used = convert(s, &place, records, (size_t)n, (uint8_t *)r->list.data);
    }
    if (last.fd >= 0)
        r->list.cookie = last.next;
    r->reply = sizeof(r->list) + used;
    return (long)used;
}
