/* Directory listing.  The last directory is kept open, because a long one is read in
 * several calls; positions are the host's own, so any position can be asked for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "place.h"
#include "serve.h"

#define LONGEST_NAME    288u
#define ATTRIBUTES_MAX  32u   /* entries of a directory that come with attributes */
#define ATTRIBUTES_ROOM 1024u /* of one entry: a longer link is asked for by itself */

struct linux_dirent64 {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

static struct {
    int fd;
    uint64_t next; /* position after the last entry given out */
    bool moved;    /* the descriptor does not stand there */
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
        last.moved = false;
        snprintf(last.uri, sizeof(last.uri), "%s", uri);
    }
    if ((last.moved || last.next != cookie) && lseek(last.fd, (off_t)cookie, SEEK_SET) < 0)
        return -EINVAL;
    last.moved = false;
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
    size_t n = strlen(place->full);
    memcpy(path, place->full, n);
    path[n] = '/';
    strcpy(path + n + (n > 0), name);
    return policy_visible(path, s->workdir) != POLICY_HIDDEN;
}

/* Attributes of an entry, and a link's text, at `to`; the bytes used, 0 if there are none
 * to give. */
static size_t add_attributes(int dir, const char *name, uint8_t *to, size_t room)
{
    const int flags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    struct host_attr attr;
    struct statx st;

    if (room < sizeof(attr) || statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
        return 0;
    attr_from_statx(&attr, &st);
    memcpy(to, &attr, sizeof(attr));
    if (!S_ISLNK(st.stx_mode))
        return sizeof(attr);
    ssize_t n = readlinkat(dir, name, (char *)to + sizeof(attr), room - sizeof(attr));
    if (n < 0 || sizeof(attr) + (size_t)n >= room)
        return 0;
    to[sizeof(attr) + (size_t)n] = 0;
    return sizeof(attr) + (size_t)n + 1;
}

struct output {
    uint8_t *to;
    size_t used, size;
    unsigned attributes; /* entries that may still get some */
};

/* Appends one of the host's records as ours; false if there is no room left. */
static bool add_entry(struct output *out, int dir, const struct linux_dirent64 *in)
{
    size_t name = strlen(in->name) + 1;
    size_t reclen = (offsetof(struct host_dirent, name) + name + 7) & ~7UL;

    if (reclen > out->size - out->used)
        return false;
    struct host_dirent *record = (void *)(out->to + out->used);
    memset(record, 0, reclen);
    record->ino = in->ino;
    record->type = in->type;
    memcpy(record->name, in->name, name);
    if (out->attributes > 0) {
        size_t room = out->size - out->used - reclen;
        size_t more = add_attributes(dir, in->name, (uint8_t *)record + reclen,
                                     room < ATTRIBUTES_ROOM ? room : ATTRIBUTES_ROOM);
        while (more % 8)
            ((uint8_t *)record)[reclen + more++] = 0;
        reclen += more;
        out->attributes--;
    }
    record->reclen = (uint16_t)reclen;
    out->used += reclen;
    return true;
}

/* Turns the host's records into ours until the room is used up. */
static void convert(const struct sandbox *s, const struct place *place, const uint8_t *from,
                    size_t size, struct output *out)
{
    for (size_t at = 0; at < size;) {
        const struct linux_dirent64 *in = (const void *)(from + at);
        if (entry_shown(s, place, in->name) && !add_entry(out, last.fd, in)) {
            last.moved = true; /* the descriptor stands further on */
            return;
        }
        at += in->reclen;
        last.next = (uint64_t)in->off;
    }
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
    if (size < LONGEST_NAME)
        return -EINVAL;
    snprintf(uri, sizeof(uri), "%s", text);
    int rc = place_find(s, uri, &place);
    if (rc < 0)
        return rc;
    if (place.export->file)
        return -ENOTDIR;
    uint64_t all = r->list.cookie & HOST_LIST_ATTRIBUTES;
    uint64_t cookie = r->list.cookie & ~HOST_LIST_ATTRIBUTES;
    if (r->list.cookie == HOST_LIST_END)
        return 0;
    int fd = directory_at(s, &place, uri, cookie);
    if (fd < 0)
        return fd;
    struct output out = {(uint8_t *)r->list.data, 0, size & ~7UL, 0};
    if (place.export->cache && (all || cookie == 0))
        out.attributes = all ? UINT32_MAX : ATTRIBUTES_MAX;
    r->list.cookie = HOST_LIST_END;
    for (;;) {
        size_t room = out.size - out.used;
        if (room < LONGEST_NAME || last.moved) {
            r->list.cookie = last.next | all;
            break;
        }
        long n = syscall(SYS_getdents64, fd, records, room);
        if (n < 0)
            return -errno;
        if (n == 0) {
            forget_last();
            break;
        }
        convert(s, &place, records, (size_t)n, &out);
    }
    r->reply = sizeof(r->list) + out.used;
    return (long)out.used;
}
