/* Control messages of AF_UNIX: descriptors and credentials. */
#include <linux/errno.h>

#include "lib.h"
#include "unix.h"
#include "usercopy.h"

#define CAP_SETGID_    6
#define CAP_SETUID_    7
#define CAP_SYS_ADMIN_ 21
#define SO_PASSCRED_   16

void unix_extra_drop(struct unix_extra *x)
{
    for (u32 i = 0; i < x->nfiles; i++)
        file_put(x->files[i]);
    kfree(x->files);
    x->files = NULL;
    x->nfiles = 0;
}

bool unix_same_sender(const struct unix_extra *a, const struct unix_extra *b)
{
    return a->cred.pid == b->cred.pid && a->cred.uid == b->cred.uid && a->cred.gid == b->cred.gid;
}

/* ---- sending ------------------------------------------------------------------------- */

static long add_files(struct unix_extra *x, uptr fds, size_t n)
{
    struct file **files;

    if (x->nfiles + n > SCM_MAX_FD)
        return -EINVAL;
    if (!n)
        return 0;
    files = krealloc(x->files, (x->nfiles + n) * sizeof(*files));
    if (!files)
        return -ENOMEM;
    x->files = files;
    for (size_t i = 0; i < n; i++) {
        s32 fd;

        if (copy_from_user(&fd, fds + i * sizeof(fd), sizeof(fd)))
            return -EFAULT;
        struct file *f = fd_get(fd);
        if (!f)
            return -EBADF;
        x->files[x->nfiles++] = f;
    }
    return 0;
}

static long set_cred(struct unix_extra *x, uptr from, size_t n)
{
    const struct cred *c = &current()->cred;
    struct sockcred given;

    if (n != sizeof(given))
        return -EINVAL;
    if (copy_from_user(&given, from, sizeof(given)))
        return -EFAULT;
    if (given.pid != current()->proc->pid && !capable(CAP_SYS_ADMIN_))
        return -EPERM;
    if (given.uid != c->uid && given.uid != c->euid && given.uid != c->suid &&
        !capable(CAP_SETUID_))
        return -EPERM;
    if (given.gid != c->gid && given.gid != c->egid && given.gid != c->sgid &&
        !capable(CAP_SETGID_))
        return -EPERM;
    x->cred = given;
    x->cred_given = true;
    return 0;
}

static long one_cmsg(struct unix_extra *x, const struct cmsg *c, uptr data)
{
    size_t n = c->len - sizeof(*c);

    if (c->level != SOL_SOCKET)
        return 0;
    switch (c->type) {
    case SCM_RIGHTS:
        return add_files(x, data, n / sizeof(s32));
    case SCM_CREDENTIALS:
        return set_cred(x, data, n);
    default:
        return -EINVAL;
    }
}

long unix_scm_send(struct sockmsg *m, struct unix_extra *x)
{
    struct cmsg c;
    size_t at = 0;
    uptr data;
    long rc;

    memset(x, 0, sizeof(*x));
    x->cred = (struct sockcred){current()->proc->pid, current()->cred.uid, current()->cred.gid};
    while ((rc = cmsg_next(m, &at, &c, &data)) > 0) {
        rc = one_cmsg(x, &c, data);
        if (rc)
            break;
    }
    if (rc)
        unix_extra_drop(x);
    return rc;
}

/* ---- receiving ------------------------------------------------------------------------- */

static void put_files(struct sockmsg *m, const struct unix_extra *x)
{
    size_t room = m->control_len > sizeof(struct cmsg)
                      ? (m->control_len - sizeof(struct cmsg)) / sizeof(s32)
                      : 0;
    u32 n = 0;

    for (; n < x->nfiles && n < room; n++) {
        long fd = fd_install(file_get(x->files[n]), 0, m->flags & MSG_CMSG_CLOEXEC);

        if (fd < 0) {
            file_put(x->files[n]);
            break;
        }
        if (put_user((s32)fd, m->control + sizeof(struct cmsg) + n * sizeof(s32))) {
            fd_close((int)fd);
            break;
        }
    }
    if (n) {
        struct cmsg c = {sizeof(c) + n * sizeof(s32), SOL_SOCKET, SCM_RIGHTS};

        if (copy_to_user(m->control, &c, sizeof(c)) == 0)
            cmsg_used(m, ALIGN_UP(c.len, 8));
    }
    if (n < x->nfiles)
        m->out_flags |= MSG_CTRUNC;
}

void unix_scm_receive(struct unix_sock *u, struct sockmsg *m, const struct unix_extra *x)
{
    if (sockopt_on(&u->s, SO_PASSCRED_))
        cmsg_put(m, SOL_SOCKET, SCM_CREDENTIALS, &x->cred, sizeof(x->cred));
    if (x->nfiles)
        put_files(m, x);
}
