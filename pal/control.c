/* Control calls of the contract: messages to the monitor (abi/message.h).
 *
 * The message is built in the slot's buffer, which only this thread uses; the monitor
 * copies it once and answers in place. */
#include "../abi/message.h"
#include "contract.h"
#include "pal.h"

#define EINTR        4
#define ENAMETOOLONG 36
#define EINVAL       22

const char *stats_request_name(u32 nr)
{
    static const char *const name[STATS_REQUESTS] = {
        [HOST_CALL_OPEN] = "open",
        [HOST_CALL_CONTROL] = "control",
        [HOST_CALL_ATTRIBUTES_GET] = "attributes_get",
        [HOST_CALL_ATTRIBUTES_SET] = "attributes_set",
        [HOST_CALL_LIST] = "list",
        [HOST_CALL_MAKE] = "make",
        [HOST_CALL_RENAME] = "rename",
        [HOST_CALL_REMOVE] = "remove",
        [HOST_CALL_RANDOM] = "random",
        [HOST_CALL_REPORT] = "report",
        [HOST_CALL_THREAD_INTERRUPT] = "thread_interrupt",
    };
    return nr < STATS_REQUESTS ? name[nr] : NULL;
}

static void *buffer(void) { return (char *)current() + SLOT_MESSAGE; }

static long call(int nr, size_t len, u64 a, u64 b, u64 c)
{
    u64 offset = (u64)buffer() - SEG_BASE;
    long rc;

    /* An interrupt ends the wait only while the monitor has not taken the message: it is
     * still whole, and nobody has acted on it. */
    stats_count(&stats.requests[nr & (STATS_REQUESTS - 1)]);
    do
        rc = (gate)(HOST_MONITOR_NR, nr, (long)offset, (long)len, (long)a, (long)b, (long)c);
    while (rc == -EINTR);
    return rc;
}

/* Appends a string to the message; the new length, 0 if it does not fit. */
static size_t append(size_t at, const char *s)
{
    size_t n = strnlen(s, MESSAGE_URI_MAX) + 1;

    if (n > MESSAGE_URI_MAX || at + n > SLOT_MESSAGE_SIZE)
        return 0;
    memcpy((char *)buffer() + at, s, n);
    return at + n;
}

long host_open(const char *uri, int flags, unsigned mode, struct host_attr *attr)
{
    struct message_open *m = buffer();
    size_t len = append(sizeof(*m), uri);
    long rc;

    if (!len)
        return -ENAMETOOLONG;
    m->flags = flags;
    m->mode = mode;
    rc = call(HOST_CALL_OPEN, len, 0, 0, 0);
    if (rc >= 0 && (flags & 3))
        pal_note_writable((int)rc);
    if (rc >= 0 && attr)
        *attr = m->attr;
    return rc;
}

long host_control(int handle, int op, uint64_t a, uint64_t b, uint64_t c, void *buf, size_t len)
{
    struct message_control *m = buffer();
    long rc;

    if (len > MESSAGE_DATA_MAX - sizeof(*m))
        return -EINVAL;
    *m = (struct message_control){handle, (u32)op, a, b, c, (u32)len, 0};
    memcpy(m->data, buf, len);
    rc = call(HOST_CALL_CONTROL, sizeof(*m) + len, 0, 0, 0);
    if (rc >= 0)
        memcpy(buf, m->data, len);
    return rc;
}

static struct message_attributes_get *get_message(const char *uri, int handle, u32 what,
                                                  size_t *len)
{
    struct message_attributes_get *m = buffer();

    *len = append(sizeof(*m), uri ? uri : "");
    m->handle = uri ? -1 : handle;
    m->what = what;
    m->size = 0;
    m->known = 0;
    return m;
}

long host_attributes_get(const char *uri, int handle, struct host_attr *attr)
{
    size_t len;
    struct message_attributes_get *m = get_message(uri, handle, MESSAGE_ATTRIBUTES, &len);
    long rc = len ? call(HOST_CALL_ATTRIBUTES_GET, len, 0, 0, 0) : -ENAMETOOLONG;

    if (rc >= 0)
        *attr = m->attr;
    return rc;
}

long host_walk(const char *uri, size_t known, void *buf, size_t size, int *absent, int *opened)
{
    size_t len;
    u32 what = opened ? MESSAGE_WALK_OPEN : MESSAGE_WALK;
    struct message_attributes_get *m = get_message(uri, -1, what, &len);
    long rc;

    if (!len)
        return -ENAMETOOLONG;
    m->size = (u32)MIN(size, SLOT_MESSAGE_SIZE - sizeof(*m));
    m->known = (u32)known;
    rc = call(HOST_CALL_ATTRIBUTES_GET, len, 0, 0, 0);
    if (rc < 0)
        return rc;
    if (opened)
        *opened = rc > 0 ? (int)rc : -1;
    *absent = m->known == 1;
    memcpy(buf, m->text, MIN((size_t)m->size, size));
    return m->handle;
}

long host_readlink(const char *uri, char *buf, size_t size)
{
    size_t len;
    struct message_attributes_get *m = get_message(uri, -1, MESSAGE_READLINK, &len);
    long rc;

    if (!len)
        return -ENAMETOOLONG;
    m->size = (u32)MIN(size, 4096UL);
    rc = call(HOST_CALL_ATTRIBUTES_GET, len, 0, 0, 0);
    if (rc > 0)
        memcpy(buf, m->text, MIN((size_t)rc, size));
    return rc;
}

long host_attributes_set(const char *uri, int handle, unsigned mask, const struct host_attr *attr)
{
    struct message_attributes_set *m = buffer();
    size_t len = append(sizeof(*m), uri ? uri : "");

    if (!len)
        return -ENAMETOOLONG;
    m->handle = uri ? -1 : handle;
    m->mask = mask;
    m->attr = *attr;
    return call(HOST_CALL_ATTRIBUTES_SET, len, 0, 0, 0);
}

long host_list(const char *uri, uint64_t *cookie, void *buf, size_t size)
{
    struct message_list *m = buffer();
    size_t len = append(sizeof(*m), uri);
    long rc;

    if (!len)
        return -ENAMETOOLONG;
    m->cookie = *cookie;
    m->size = (u32)MIN(size, MESSAGE_DATA_MAX - sizeof(*m));
    m->reserved = 0;
    rc = call(HOST_CALL_LIST, len, 0, 0, 0);
    if (rc >= 0) {
        *cookie = m->cookie;
        memcpy(buf, m->data, (size_t)rc);
    }
    return rc;
}

long host_make(const char *uri, int kind, unsigned mode, const char *target)
{
    struct message_make *m = buffer();
    size_t len = append(sizeof(*m), uri);

    len = len ? append(len, target ? target : "") : 0;
    if (!len)
        return -ENAMETOOLONG;
    m->kind = (u32)kind;
    m->mode = mode;
    return call(HOST_CALL_MAKE, len, 0, 0, 0);
}

long host_rename(const char *from, const char *to, unsigned flags)
{
    struct message_rename *m = buffer();
    size_t len = append(sizeof(*m), from);

    len = len ? append(len, to) : 0;
    if (!len)
        return -ENAMETOOLONG;
    m->flags = flags;
    m->reserved = 0;
    return call(HOST_CALL_RENAME, len, 0, 0, 0);
}

long host_remove(const char *uri, int dir)
{
    struct message_remove *m = buffer();
    size_t len = append(sizeof(*m), uri);

    if (!len)
        return -ENAMETOOLONG;
    m->dir = dir != 0;
    m->reserved = 0;
    return call(HOST_CALL_REMOVE, len, 0, 0, 0);
}

void host_random(void *buf, size_t len)
{
    len = MIN(len, 256UL);
    if (call(HOST_CALL_RANDOM, len, len, 0, 0) < 0)
        panic("no randomness from the host");
    memcpy(buf, buffer(), len);
}

long host_report(int kind, uint64_t a, uint64_t b, const char *text)
{
    size_t len = text ? append(0, text) : 0;

    return call(HOST_CALL_REPORT, len, (u64)kind, a, b);
}

long host_thread_interrupt(struct thread *t)
{
    if (!__atomic_load_n(&t->interruptible, __ATOMIC_SEQ_CST))
        return 0;
    return call(HOST_CALL_THREAD_INTERRUPT, 0, (u64)t->host_pid, t->host_tid, 0);
}

long host_space_blank(struct thread *t)
{
    return call(HOST_CALL_SPACE_BLANK, 0, (u64)t - SEG_BASE, 0, 0);
}

long host_freeze_ready(const struct host_space *spaces, uint32_t count, int error,
                       size_t (*summary)(char *buffer, size_t size))
{
    size_t len = summary ? summary(buffer(), MESSAGE_DATA_MAX) : 0;

    return call(HOST_CALL_FREEZE_READY, len, (u64)spaces - SEG_BASE, count, (u64)error);
}
