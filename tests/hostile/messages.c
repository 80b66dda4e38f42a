/* Messages no PAL would send.  Each call of the contract has a form; what has not ends the
 * sandbox, and what has is an errno. */
#include "hostile.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static long words(long call, uint64_t offset, uint64_t length)
{
    return gate(HOST_MONITOR_NR, call, (long)offset, (long)length, (long)odd(), (long)odd(),
                (long)odd());
}

static uint64_t buffer_offset(void) { return (uintptr_t)message_buffer(0) - SEG_BASE; }

static void truncated(void)
{
    words(HOST_CALL_OPEN, buffer_offset(), sizeof(struct message_open) - 1);
    escaped("half a message was served");
}

static void unterminated(void)
{
    struct message_open *m = message_buffer(0);

    memset(m, 'a', SLOT_MESSAGE_SIZE);
    words(HOST_CALL_OPEN, buffer_offset(), SLOT_MESSAGE_SIZE);
    escaped("a name without an end was served");
}

static void oversized(void)
{
    words(HOST_CALL_OPEN, buffer_offset(), SLOT_MESSAGE_SIZE + 8);
    escaped("a message longer than its buffer was served");
}

static void wrapped(void)
{
    words(HOST_CALL_OPEN, buffer_offset(), ~0ULL - 4);
    escaped("a length that wraps was served");
}

static void elsewhere(void)
{
    static const uint64_t offsets[] = {0,
                                       SEG_DATA,
                                       SEG_SLOTS,
                                       SEG_SIZE - 8,
                                       SEG_SIZE,
                                       ~0ULL - 7,
                                       SEG_SLOTS + SLOT_MESSAGE + 4,
                                       SEG_SLOTS + SLOT_MESSAGE - 8,
                                       SEG_SLOTS + SLOT_STACK};

    words(HOST_CALL_REMOVE, offsets[below(sizeof(offsets) / sizeof(offsets[0]))], 64);
    escaped("a message outside the buffers was served");
}

static void unknown_call(void)
{
    static const long calls[] = {0, HOST_CALL_MAP, HOST_CALL_READ, HOST_CALL_COUNT + 1, 1 << 20,
                                 -1};

    words(calls[below(sizeof(calls) / sizeof(calls[0]))], buffer_offset(), 64);
    escaped("an unknown call was served");
}

/* Data sizes that promise more than the message holds. */
static void lying_size(void)
{
    struct message_control *m = message_buffer(0);

    *m = (struct message_control){GATE_FD_STDOUT, HOST_TTY_SET, 0, 0, 0, 0xffffffff, 0};
    ask(0, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0);
    escaped("a size beyond the message was served");
}

/* Calls in any order, with any words, each after the other: errors, or the end. */
static void noise(void)
{
    for (int i = 0; i < 20000; i++) {
        uint64_t *m = message_buffer(0);
        for (int k = 0; k < 24; k++)
            m[k] = odd();
        long call = 1 + (long)below(HOST_CALL_COUNT);
        if (call == HOST_CALL_REPORT || call == HOST_CALL_FREEZE_READY)
            continue;
        words(call, buffer_offset(), below(4) ? 128 + below(64) * 8 : below(SLOT_MESSAGE_SIZE));
    }
}

/* Handles it was never given: PAL's, the monitor's own numbers, and wild ones. */
static void foreign_handles(void)
{
    struct message_control *m = message_buffer(0);
    struct message_attributes_set *set = message_buffer(1);
    struct message_attributes_get *get = message_buffer(2);

    for (int handle = -70000; handle<70000; handle += handle> - 64 && handle < 512 ? 1 : 97) {
        if (handle >= GATE_FD_STDIN && handle <= GATE_FD_STDERR)
            continue;
        for (uint32_t op = HOST_SYNC; op <= HOST_SEEK; op++) {
            if (op == HOST_CLOSE || (op == HOST_STATFS && handle < 0))
                continue;
            *m = (struct message_control){handle, op, 0, 0, 0, 0, 0};
            if (ask(0, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0) >= 0)
                escaped("operation %u on handle %d", op, handle);
        }
        if (handle < 0)
            continue;
        memset(set, 0, sizeof(*set));
        set->handle = handle;
        set->mask = HOST_SET_MODE;
        if (ask(1, HOST_CALL_ATTRIBUTES_SET, sizeof(*set) + 1, 0, 0, 0) >= 0)
            escaped("mode of handle %d", handle);
        memset(get, 0, sizeof(*get));
        get->handle = handle;
        if (ask(2, HOST_CALL_ATTRIBUTES_GET, sizeof(*get) + 1, 0, 0, 0) >= 0)
            escaped("attributes of handle %d", handle);
    }
}

/* ---- many at once ------------------------------------------------------------------------ */

static volatile bool stop;
static volatile uint32_t floods;

static void flood(void)
{
    unsigned slot = 1 + __atomic_fetch_add(&floods, 1, __ATOMIC_RELAXED);

    while (!stop)
        ask_attributes(slot, "dir:0/usr/bin/env");
    gate(SYS_exit, 0, 0, 0, 0, 0, 0);
}

/* As many as there are threads, while the main one goes on as if nothing were. */
static void flooded(void)
{
    for (unsigned i = 0; i < 16; i++)
        raw_thread(i, flood);
    for (int i = 0; i < 500; i++)
        if (ask_attributes(0, "dir:0/usr") != 0)
            escaped("a plain request failed");
    stop = true;
    raw_sleep(10000000);
}

/* The name changes between the monitor's look and its use, if it looks twice. */
static void change_name(void)
{
    struct message_open *m = message_buffer(0);

    while (!stop) {
        memcpy(m->uri, "dir:0/etc/shadow", 17);
        memcpy(m->uri, "dir:0/etc/passwd", 17);
    }
    gate(SYS_exit, 0, 0, 0, 0, 0, 0);
}
static void changing_name(void)
{
    const char *uri = "dir:0/etc/passwd";
    struct message_open *m = message_buffer(0);
    size_t n = sizeof(*m) + strlen(uri) + 1;

    memcpy(m->uri, uri, strlen(uri) + 1);
    uint64_t ino = 0;
    if (ask_open(1, uri, 0) >= 0)
        ino = ((struct message_open *)message_buffer(1))->attr.ino;
    raw_thread(1, change_name);
    for (int i = 0; i < 5000; i++) {
        m->flags = 0;
        long fd = ask(0, HOST_CALL_OPEN, n, 0, 0, 0);
        if (fd >= 0 && m->attr.ino != ino)
            escaped("something else than what was asked for: inode %lu", (long)m->attr.ino);
        if (fd >= 0)
            gate(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    stop = true;
    raw_sleep(1000000);
}

/* Asks and dies: the answer has nobody to go to. */
static void ask_and_die(void)
{
    ask_attributes(2, "dir:0/usr");
    gate(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}
static void dying_callers(void)
{
    for (unsigned i = 0; i < 200; i++)
        if (raw_process(i, ask_and_die) < 0)
            raw_sleep(1000000);
    raw_sleep(20000000);
}

/* Standard output is a socket the harness holds: descriptors sent there are the harness's
 * problem, but nobody on this side takes any. */
static void report_noise(void)
{
    for (long kind = 0; kind < 64; kind++) {
        char *text = message_buffer(0);
        memset(text, 0x1b, 64);
        memcpy(text + 64, "]0;owned\a\n", 11);
        if (kind == HOST_REPORT_EXIT || kind == HOST_REPORT_PANIC || kind == HOST_REPORT_EXEC)
            continue;
        if (kind > HOST_REPORT_JOB)
            break;
        if (kind == 0)
            continue;
        ask(0, HOST_CALL_REPORT, 80, kind, (long)odd(), (long)odd());
    }
    ask(0, HOST_CALL_REPORT, 80, HOST_REPORT_PANIC, 0, 0);
    escaped("a panic did not end it");
}

const struct attack message_attacks[] = {
    {"message-truncated", ENDED, NULL, truncated},
    {"message-unterminated", ENDED, NULL, unterminated},
    {"message-oversized", ENDED, NULL, oversized},
    {"message-wrapped", ENDED, NULL, wrapped},
    {"message-elsewhere", ENDED, NULL, elsewhere},
    {"message-unknown-call", ENDED, NULL, unknown_call},
    {"message-lying-size", ENDED, NULL, lying_size},
    {"message-noise", ANY, "--timeout 5", noise},
    {"message-foreign-handles", REFUSED, NULL, foreign_handles},
    {"message-flood", REFUSED, NULL, flooded},
    {"message-changing-name", REFUSED, NULL, changing_name},
    {"message-dying-callers", ANY, "--timeout 5", dying_callers},
    {"message-report-noise", ENDED, NULL, report_noise},
    {0},
};
