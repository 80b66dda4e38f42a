/* One control call: take it, check it, serve it, answer it.
 *
 * The request is copied out of the segment once; from then on only the copy counts, so
 * it does not matter what other threads inside do to the buffer meanwhile.  A message
 * that no PAL would send ends the sandbox; a legal request that cannot be served is an
 * errno.  Replies go to the same slot buffer, whose bounds the request's were checked
 * against.
 */
#include "serve.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "contract.h"

struct entry {
    handler *serve;
    uint32_t fixed; /* bytes of the fixed part: a shorter message is malformed */
};

static const struct entry entries[HOST_CALL_COUNT + 1] = {
    [HOST_CALL_OPEN] = {serve_open, sizeof(struct message_open)},
    [HOST_CALL_CONTROL] = {serve_control, sizeof(struct message_control)},
    [HOST_CALL_ATTRIBUTES_GET] = {serve_attributes_get, sizeof(struct message_attributes_get)},
    [HOST_CALL_ATTRIBUTES_SET] = {serve_attributes_set, sizeof(struct message_attributes_set)},
    [HOST_CALL_LIST] = {serve_list, sizeof(struct message_list)},
    [HOST_CALL_MAKE] = {serve_make, sizeof(struct message_make)},
    [HOST_CALL_RENAME] = {serve_rename, sizeof(struct message_rename)},
    [HOST_CALL_REMOVE] = {serve_remove, sizeof(struct message_remove)},
    [HOST_CALL_RANDOM] = {serve_random, 0},
    [HOST_CALL_REPORT] = {serve_report, 0},
    [HOST_CALL_THREAD_INTERRUPT] = {serve_thread_interrupt, 0},
    [HOST_CALL_FREEZE_READY] = {serve_freeze_ready, 0},
};

const char *request_string(const struct request *r, size_t offset, size_t *next)
{
    if (offset >= r->length)
        return NULL;
    const char *text = (const char *)r->data + offset;
    size_t n = strnlen(text, r->length - offset);
    if (n == r->length - offset || n >= MESSAGE_URI_MAX)
        return NULL;
    if (next)
        *next = offset + n + 1;
    return text;
}

/* Bytes from a message's start to the end of its slot's buffer; 0: not in a buffer. */
uint64_t message_room(uint64_t offset)
{
    if (offset < SEG_SLOTS || offset >= SEG_SIZE || offset % 8)
        return 0;
    uint64_t in_slot = (offset - SEG_SLOTS) % SLOT_SIZE;
    if (in_slot < SLOT_MESSAGE || in_slot >= SLOT_MESSAGE + SLOT_MESSAGE_SIZE)
        return 0;
    return SLOT_MESSAGE + SLOT_MESSAGE_SIZE - in_slot;
}

/* Serves a call whose words are given; the result, or MALFORMED.  On its own so that the
 * fuzzer can call it with a segment and no sandbox. */
long serve_words(struct sandbox *s, struct request *r, const uint64_t *words)
{
    uint64_t call = words[0], offset = words[1], length = words[2];

    r->send_fd = -1;
    r->keep_fd = false;
    r->reply = 0;
    r->a4 = words[3];
    r->a5 = words[4];
    r->a6 = words[5];
    r->room = message_room(offset);
    if (call > HOST_CALL_COUNT || length > r->room)
        return MALFORMED;
    const struct entry *entry = &entries[call];
    if (!entry->serve)
        return call == HOST_CALL_SPACE_BLANK ? -ENOSYS : MALFORMED;
    if (length < entry->fixed || r->room == 0)
        return MALFORMED;
    memcpy(r->data, s->segment + offset, length);
    r->length = length;
    long result = entry->serve(s, r);
    if (r->reply > r->room)
        return MALFORMED;
    if (r->reply)
        memcpy(s->segment + offset, r->data, r->reply);
    return result;
}

/* Hands a descriptor over; it is the call's result.  No answer is owed afterwards,
 * except if it fails. */
static long give_descriptor(struct sandbox *s, struct request *r, uint64_t id)
{
    struct seccomp_notif_addfd add = {
        .id = id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)r->send_fd};
    int handle = ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    int error = errno;

    if (handle >= 0 && r->keep_fd)
        handle_keep(handle, r->send_fd);
    else
        close(r->send_fd);
    return handle < 0 ? -error : handle;
}

struct request serve_request;

void sandbox_serve(struct sandbox *s)
{
    struct request *request = &serve_request;
    struct seccomp_notif notif;

    memset(&notif, 0, sizeof(notif));
    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
        return; /* the caller was killed meanwhile */
    s->count.calls++;
    request->pid = (int)notif.pid;
    uint64_t words[6];
    memcpy(words, notif.data.args, sizeof(words));
    long result = serve_words(s, request, words);
    if (result == MALFORMED) {
        sandbox_violation(s, "a malformed message");
        return;
    }
    if (result == NO_ANSWER)
        return;
    if (request->send_fd >= 0) {
        result = give_descriptor(s, request, notif.id);
        if (result >= 0)
            return;
    }
    if (result < 0)
        s->count.refused++;
    struct seccomp_notif_resp response = {
        .id = notif.id,
        .val = result < 0 ? 0 : result,
        .error = result < 0 ? (int)result : 0,
    };
    ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
