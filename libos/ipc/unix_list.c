/* All AF_UNIX sockets, for /proc/net/unix.
 *
 * Locking: list_lock, a leaf but for socket->lock inside.  A socket is on the list as long
 * as its memory is there.
 */
#include "lib.h"
#include "unix.h"

static struct lock list_lock;
static struct list sockets = LIST_INIT(sockets);

void unix_list_add(struct unix_sock *u)
{
    lock(&list_lock);
    list_add_tail(&sockets, &u->all);
    unlock(&list_lock);
}

void unix_list_remove(struct unix_sock *u)
{
    lock(&list_lock);
    list_del(&u->all);
    unlock(&list_lock);
}

static void put_name(struct textbuf *b, const struct unix_addr *a)
{
    u32 n = a->len - 2;
    const u8 *name = a->bytes + 2;

    text_add(b, " ");
    if (n && name[0]) {
        text_add(b, "%.*s", (int)strnlen((const char *)name, n), (const char *)name);
        return;
    }
    for (u32 i = 0; i < n; i++)
        text_add(b, "%c", name[i] ? name[i] : '@');
}

void unix_listing(struct textbuf *b)
{
    struct unix_sock *u;

    lock(&list_lock);
    list_for_each(u, &sockets, all)
    {
        lock(&u->s.lock);
        bool listens = u->s.state == SS_LISTENING, connected = u->s.state == SS_CONNECTED;

        if (!u->dead) {
            text_add(b, "0000000000000000: %08X 00000000 %08X %04X %02X %5lu", u->s.refs + 1,
                     listens ? 0x10000 : 0, u->s.type, connected ? 3 : 1, u->s.ino);
            if (u->addr)
                put_name(b, u->addr);
            text_add(b, "\n");
        }
        unlock(&u->s.lock);
    }
    unlock(&list_lock);
}
