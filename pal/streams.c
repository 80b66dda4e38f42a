/* Data calls on streams: one host call each. */
#include "pal.h"

/* Handles opened for writing, which the monitor keeps a copy of. */
#define HANDLES_NOTED 65536
#define HANDLES_FEW   4096
static u64 writable[HANDLES_FEW / 64], writable_further[HANDLES_NOTED / 64] SPARSE_TABLE;

static u64 *word_of(int handle)
{
    return (handle < HANDLES_FEW ? writable : writable_further) + handle / 64;
}

void pal_note_writable(int handle)
{
    if (handle < HANDLES_NOTED)
        __atomic_fetch_or(word_of(handle), 1UL << (handle % 64), __ATOMIC_RELAXED);
}

static bool forget_writable(int handle)
{
    u64 bit = 1UL << (handle % 64);

    return handle >= HANDLES_NOTED ||
           (__atomic_fetch_and(word_of(handle), ~bit, __ATOMIC_RELAXED) & bit);
}

long host_close(int handle)
{
    if (handle < 0)
        return -9;
    if (forget_writable(handle))
        host_control(handle, HOST_CLOSE, 0, 0, 0, NULL, 0);
    return gate(HOST_NR_close, handle, 0, 0, 0, 0, 0);
}

long host_read(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags)
{
    return gate(HOST_NR_preadv2, handle, (long)iov, n, (long)offset, 0, flags);
}

long host_write(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags)
{
    return gate(HOST_NR_pwritev2, handle, (long)iov, n, (long)offset, 0, flags);
}

long host_send(int handle, const void *msg, int flags)
{
    return gate(HOST_NR_sendmsg, handle, (long)msg, flags, 0, 0, 0);
}

long host_receive(int handle, void *msg, int flags)
{
    return gate(HOST_NR_recvmsg, handle, (long)msg, flags, 0, 0, 0);
}

long host_accept(int handle, void *addr, uint32_t *addrlen, int flags)
{
    return gate(HOST_NR_accept4, handle, (long)addr, (long)addrlen, flags, 0, 0);
}

long host_watch(int poll_handle, int op, int handle, uint32_t events, uint64_t cookie)
{
    struct host_event ev = {events, cookie};

    return gate(HOST_NR_epoll_ctl, poll_handle, op, handle, (long)&ev, 0, 0);
}

/* epoll_pwait counts in milliseconds: rounded up, so never early. */
long host_wait_ready(int poll_handle, struct host_event *ev, int n, uint64_t deadline)
{
    long ms = -1;

    if (deadline != HOST_FOREVER) {
        u64 now = host_time(HOST_CLOCK_MONOTONIC);
        u64 left = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
        ms = (long)MIN(left, 0x7fffffffUL);
    }
    return gate(HOST_NR_epoll_pwait, poll_handle, (long)ev, n, ms, 0, 8);
}
