/* Control messages: what travels with data, as the program lays it out. */
#include <linux/errno.h>

#include "lib.h"
#include "socket.h"
#include "usercopy.h"

void cmsg_used(struct sockmsg *m, size_t n)
{
    n = MIN(n, m->control_len);
    m->control += n;
    m->control_len -= n;
}

void cmsg_put(struct sockmsg *m, s32 level, s32 type, const void *data, size_t n)
{
    struct cmsg c = {sizeof(c) + n, level, type};

    if (m->control_len < sizeof(c)) {
        m->out_flags |= MSG_CTRUNC;
        return;
    }
    if (m->control_len < c.len) {
        m->out_flags |= MSG_CTRUNC;
        c.len = m->control_len;
    }
    if (copy_to_user(m->control, &c, sizeof(c)) ||
        copy_to_user(m->control + sizeof(c), data, c.len - sizeof(c)))
        return;
    cmsg_used(m, ALIGN_UP(c.len, 8));
}

long cmsg_next(const struct sockmsg *m, size_t *at, struct cmsg *c, uptr *data)
{
    if (*at + sizeof(*c) > m->control_len)
        return 0;
    if (copy_from_user(c, m->control + *at, sizeof(*c)))
        return -EFAULT;
    if (c->len < sizeof(*c) || c->len > m->control_len - *at)
        return -EINVAL;
    *data = m->control + *at + sizeof(*c);
    *at += ALIGN_UP(c->len, 8);
    return 1;
}
