/* Control calls on named files: open, attributes, list, make, rename, remove.
 *
 * Nothing but regular files and directories is ever opened: a FIFO would block, opening
 * a device or socket has effects of its own.  So a name is looked at first (O_PATH) and
 * what was found is opened again through its descriptor, which no rename can exchange.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "manage.h"
#include "place.h"
#include "resources.h"
#include "serve.h"

#define CREATE_TRIES 4
/* Set-user-ID files made by a sandbox would work outside of it. */
#define MODE_FILE 01777u
#define MODE_DIR  01777u

static int64_t time_ns(const struct statx_timestamp *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void attr_from_statx(struct host_attr *attr, const void *from)
{
    const struct statx *st = from;

    *attr = (struct host_attr){
        .ino = st->stx_ino,
        .dev = makedev(st->stx_dev_major, st->stx_dev_minor),
        .rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor),
        .size = st->stx_size,
        .blocks = st->stx_blocks,
        .atime = time_ns(&st->stx_atime),
        .mtime = time_ns(&st->stx_mtime),
        .ctime = time_ns(&st->stx_ctime),
        .btime = st->stx_mask & STATX_BTIME ? time_ns(&st->stx_btime) : 0,
        .mode = st->stx_mode,
        .nlink = st->stx_nlink,
        .uid = st->stx_uid,
        .gid = st->stx_gid,
        .blksize = st->stx_blksize,
    };
}

static int stat_fd(int fd, struct statx *st)
{
    const unsigned mask = STATX_BASIC_STATS | STATX_BTIME;

    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, mask, st) < 0 ? -errno : 0;
}

/* ---- open --------------------------------------------------------------------------- */

static bool wants_writing(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) ||
           (flags & O_TMPFILE) == O_TMPFILE;
}

/* What was found, opened for real: 0 or -errno if it may not be. */
static int check_found(const struct place *place, const struct statx *st, int flags)
{
    int access = flags & O_ACCMODE;

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (S_ISLNK(st->stx_mode))
        return -ELOOP;
    if (S_ISDIR(st->stx_mode))
        return access != O_RDONLY || (flags & O_CREAT) ? -EISDIR : 0;
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    if (!S_ISREG(st->stx_mode))
        return -ENXIO;
    if (place->export->read_only && (access != O_RDONLY || (flags & O_TRUNC)))
        return -EROFS;
    return 0;
}

/* System files of the host base: nobody but root can put a FIFO or device there, so one
 * look is enough. */
static int open_system_file(struct sandbox *s, const struct place *place, int flags,
                            struct statx *st)
{
    int fd = place_open(s, place, O_RDONLY | O_NONBLOCK | (flags & O_DIRECTORY), 0);
    int rc = fd < 0 ? fd : stat_fd(fd, st);

    if (fd >= 0 && rc == 0)
        rc = check_found(place, st, flags);
    if (fd >= 0 && rc < 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

static int open_found(struct sandbox *s, const struct place *place, int flags, struct statx *st)
{
    int found = place_open(s, place, O_PATH, 0);

    if (found < 0)
        return found;
    int rc = stat_fd(found, st);
    if (rc == 0)
        rc = check_found(place, st, flags);
    if (rc == 0)
        rc = place_reopen(s, found, flags & (O_ACCMODE | O_TRUNC | O_DIRECTORY));
    close(found);
    return rc;
}

static int open_place(struct sandbox *s, const struct place *place, int flags, unsigned mode,
                      struct statx *st)
{
    int fd = -ENOENT;

    if ((flags & O_TMPFILE) == O_TMPFILE) {
        if (place->export->read_only)
            return -EROFS;
        if (place->export->file)
            return -ENOTDIR;
        return place_open(s, place, flags & (O_ACCMODE | O_TMPFILE | O_EXCL), mode);
    }
    if (place->shown == POLICY_SYSTEM && !wants_writing(flags))
        return open_system_file(s, place, flags, st);
    for (int i = 0; i < CREATE_TRIES; i++) {
        fd = open_found(s, place, flags, st);
        if (fd != -ENOENT || !(flags & O_CREAT))
            break;
        if (place->export->read_only)
            return -EROFS;
        st->stx_mask = 0;
        fd = place_open(s, place, (flags & O_ACCMODE) | O_CREAT | O_EXCL, mode);
        if (fd != -EEXIST)
            break;
    }
    return fd;
}

long serve_open(struct sandbox *s, struct request *r)
{
    const char *uri = request_string(r, sizeof(r->open), NULL);
    int flags = r->open.flags;
    struct place place;
    struct statx st = {.stx_mask = 0};

    if (!uri)
        return MALFORMED;
    s->count.opens++;
    if (net_uri(uri))
        return net_open(s, r, uri);
    if (strncmp(uri, "host:", 5) == 0) {
        r->send_fd = flags & O_ACCMODE ? -EACCES : hostinfo_open(uri + 5);
    } else if (strncmp(uri, "job:", 4) == 0) {
        r->keep_fd = (flags & O_ACCMODE) != O_RDONLY && handle_room();
        r->send_fd = jobs_open(uri + 4);
    } else {
        int rc = place_find(s, uri, &place);
        if (rc < 0)
            return rc;
        r->keep_fd = (flags & O_ACCMODE) != O_RDONLY;
        if (r->keep_fd && !handle_room())
            return -ENFILE;
        r->send_fd = open_place(s, &place, flags, r->open.mode & MODE_FILE, &st);
    }
    if (r->send_fd < 0) {
        int error = r->send_fd;
        r->send_fd = -1;
        return error;
    }
    /* What was found has been looked at; not what was made, or cut. */
    if ((st.stx_mask && !(flags & O_TRUNC)) || stat_fd(r->send_fd, &st) == 0) {
        attr_from_statx(&r->open.attr, &st);
        r->reply = sizeof(r->open);
    }
    return 0;
}

size_t serve_opened(struct sandbox *s, int *fds)
{
    struct request *r = &serve_request;
    size_t count = 0;

    for (uint32_t i = 0; i < BOOT_OPENED_MAX && i < s->boot->opened_count; i++) {
        struct boot_opened *o = &boot_opened(s->boot)[i];

        memset(&r->open, 0, sizeof(r->open));
        memcpy(r->open.uri, o->uri, sizeof(o->uri));
        r->open.uri[sizeof(o->uri) - 1] = 0;
        r->length = sizeof(r->open) + sizeof(o->uri);
        r->send_fd = o->handle = -1;
        if (strncmp(r->open.uri, "dir:", 4) != 0 || serve_open(s, r) < 0)
            continue;
        o->attr = r->open.attr;
        o->handle = (int)count;
        fds[count++] = r->send_fd;
    }
    return count;
}

/* ---- attributes ------------------------------------------------------------------------ */

static long read_link(const struct request *r, int fd, char *text, size_t room)
{
    size_t size = r->get.size < room ? r->get.size : room;
    ssize_t n = readlinkat(fd, "", text, size);

    if (n < 0) /* of an O_PATH descriptor that is no link: ENOENT */
        return errno == ENOENT ? -EINVAL : -errno;
    return n;
}

long serve_attributes_get(struct sandbox *s, struct request *r)
{
    struct place place;
    struct statx st;
    int own = -1, fd;

    if (r->get.handle >= 0) {
        fd = handle_find(r->get.handle);
    } else {
        const char *uri = request_string(r, sizeof(r->get), NULL);
        if (!uri)
            return MALFORMED;
        if (r->get.what == MESSAGE_WALK || r->get.what == MESSAGE_WALK_OPEN)
            return serve_walk(s, r, uri);
        int rc = place_find(s, uri, &place);
        if (rc < 0)
            return rc;
        fd = own = place_open(s, &place, O_PATH, 0);
    }
    if (fd < 0)
        return fd;
    long rc;
    if (r->get.what == MESSAGE_READLINK) {
        rc = read_link(r, fd, r->get.text, r->room - sizeof(r->get));
        r->reply = rc < 0 ? 0 : sizeof(r->get) + (uint64_t)rc;
    } else {
        rc = stat_fd(fd, &st);
        if (rc == 0)
            attr_from_statx(&r->get.attr, &st);
        r->reply = sizeof(r->get);
    }
    if (own >= 0)
        close(own);
    return rc;
}

static struct timespec set_time(unsigned mask, unsigned bit, int64_t ns)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;

    if (!(mask & bit))
        return (struct timespec){0, UTIME_OMIT};
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    return (struct timespec){seconds, rest};
}

/* fd may be an O_PATH descriptor. */
static int set_attributes(struct sandbox *s, int fd, unsigned mask, const struct host_attr *attr)
{
    char name[16];

    snprintf(name, sizeof(name), "%d", fd);
    if (mask & HOST_SET_SIZE) {
        if (limits_size(s, attr->size) < 0)
            return -EFBIG;
        int file = place_reopen(s, fd, O_WRONLY | O_NONBLOCK);
        if (file < 0)
            return file;
        int rc = ftruncate(file, (off_t)attr->size) < 0 ? -errno : 0;
        close(file);
        if (rc < 0)
            return rc;
    }
    if (mask & (HOST_SET_UID | HOST_SET_GID)) {
        uid_t uid = mask & HOST_SET_UID ? attr->uid : (uid_t)-1;
        gid_t gid = mask & HOST_SET_GID ? attr->gid : (gid_t)-1;
        if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
            return -errno;
    }
    if ((mask & HOST_SET_MODE) && fchmodat(s->proc_fds, name, attr->mode & MODE_FILE, 0) < 0)
        return -errno;
    if (mask & (HOST_SET_ATIME | HOST_SET_MTIME)) {
        const struct timespec times[2] = {set_time(mask, HOST_SET_ATIME, attr->atime),
                                          set_time(mask, HOST_SET_MTIME, attr->mtime)};
        if (utimensat(s->proc_fds, name, times, 0) < 0)
            return -errno;
    }
    return 0;
}

/* A URI, or NULL for none that could be read, on a writable export. */
static int writable_place(struct sandbox *s, const char *uri, struct place *place)
{
    int rc = uri ? place_find(s, uri, place) : MALFORMED;

    return rc == 0 && place->export->read_only ? -EROFS : rc;
}

long serve_attributes_set(struct sandbox *s, struct request *r)
{
    const unsigned known = HOST_SET_MODE | HOST_SET_UID | HOST_SET_GID | HOST_SET_SIZE |
                           HOST_SET_ATIME | HOST_SET_MTIME;
    struct statx st;
    struct place place;

    if (r->set.mask & ~known)
        return -EINVAL;
    if (r->set.handle >= 0) {
        int fd = handle_find(r->set.handle);
        if (fd >= 0 && fd < 3) /* standard streams are not ours to change */
            return -EPERM;
        return fd < 0 ? fd : set_attributes(s, fd, r->set.mask, &r->set.attr);
    }
    int rc = writable_place(s, request_string(r, sizeof(r->set), NULL), &place);
    if (rc < 0)
        return rc;
    int fd = place_open(s, &place, O_PATH, 0);
    if (fd < 0)
        return fd;
    rc = stat_fd(fd, &st);
    if (rc == 0 && (r->set.mask & HOST_SET_SIZE) && !S_ISREG(st.stx_mode))
        rc = S_ISDIR(st.stx_mode) ? -EISDIR : -EINVAL;
    if (rc == 0 && (r->set.mask & HOST_SET_MODE) && S_ISLNK(st.stx_mode))
        rc = -EOPNOTSUPP;
    if (rc == 0)
        rc = set_attributes(s, fd, r->set.mask, &r->set.attr);
    close(fd);
    return rc;
}

/* ---- make, rename, remove ------------------------------------------------------------------ */

static int writable_parent(struct sandbox *s, const char *uri, struct place *place,
                           struct parent *parent)
{
    int rc = writable_place(s, uri, place);

    return rc < 0 ? rc : place_parent(s, place, parent);
}

static int make_link(struct sandbox *s, const struct place *place, const struct parent *parent,
                     const char *target)
{
    struct place other;
    struct parent from;
    int rc = writable_parent(s, target, &other, &from);

    if (rc < 0)
        return rc;
    if (other.export != place->export)
        rc = -EXDEV;
    else if (linkat(from.dir, from.name, parent->dir, parent->name, 0) < 0)
        rc = -errno;
    place_parent_close(&from);
    return rc;
}

long serve_make(struct sandbox *s, struct request *r)
{
    size_t next;
    const char *uri = request_string(r, sizeof(r->make), &next);
    const char *target = uri ? request_string(r, next, NULL) : NULL;
    struct place place;
    struct parent p;
    mode_t type;

    if (!target)
        return MALFORMED;
    int rc = writable_parent(s, uri, &place, &p);
    if (rc < 0)
        return rc;
    switch (r->make.kind) {
    case HOST_MAKE_DIR:
        rc = mkdirat(p.dir, p.name, r->make.mode & MODE_DIR) < 0 ? -errno : 0;
        break;
    case HOST_MAKE_SYMLINK:
        rc = symlinkat(target, p.dir, p.name) < 0 ? -errno : 0;
        break;
    case HOST_MAKE_LINK:
        rc = make_link(s, &place, &p, target);
        break;
    case HOST_MAKE_FIFO:
    case HOST_MAKE_SOCKET:
        type = r->make.kind == HOST_MAKE_FIFO ? S_IFIFO : S_IFSOCK;
        rc = mknodat(p.dir, p.name, type | (r->make.mode & MODE_FILE), 0) < 0 ? -errno : 0;
        break;
    default:
        rc = -EINVAL;
    }
    place_parent_close(&p);
    return rc;
}

long serve_rename(struct sandbox *s, struct request *r)
{
    size_t next;
    const char *from = request_string(r, sizeof(r->rename), &next);
    const char *to = from ? request_string(r, next, NULL) : NULL;
    struct place from_place, to_place;
    struct parent a, b;

    if (r->rename.flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    int rc = writable_parent(s, from, &from_place, &a);
    if (rc < 0)
        return rc;
    rc = writable_parent(s, to, &to_place, &b);
    if (rc == 0) {
        if (from_place.export != to_place.export)
            rc = -EXDEV;
        else if (renameat2(a.dir, a.name, b.dir, b.name, r->rename.flags) < 0)
            rc = -errno;
        place_parent_close(&b);
    }
    place_parent_close(&a);
    return rc;
}

long serve_remove(struct sandbox *s, struct request *r)
{
    struct place place;
    struct parent p;
    int rc = writable_parent(s, request_string(r, sizeof(r->remove), NULL), &place, &p);

    if (rc < 0)
        return rc;
    if (unlinkat(p.dir, p.name, r->remove.dir ? AT_REMOVEDIR : 0) < 0)
        rc = -errno;
    place_parent_close(&p);
    return rc;
}
