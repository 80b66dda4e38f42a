/* /proc/PID/ns: the name spaces.  There is one of each kind, the initial one, with the
 * number Linux gives it; two processes are always found to be in the same.
 */
#include <linux/errno.h>

#include "procfs.h"

/* The number is in the node's arg, the kind ("mnt:") in its text. */
static long ns_link(const struct pseudo *p, char *buf, size_t len)
{
    long rc = proc_may_access(p);

    return rc ? rc : snprintf(buf, len, "%s[%lu]", p->node->text, p->node->arg);
}

static long ns_open(struct file *f) { return f->fmode & FMODE_WRITE ? -EPERM : 0; }

/* A file that can be compared and held open, and nothing else. */
static const struct file_ops ns_file_ops = {.open = ns_open};

static long ns_follow(const struct pseudo *p, struct path_s *out)
{
    long rc = proc_may_access(p);
    struct dentry *d;
    struct inode *i;

    if (rc)
        return rc;
    d = dentry_alloc(NULL, p->node->text, strlen(p->node->text));
    i = d ? inode_new(&anon_super, S_IFREG | 0444) : NULL;
    if (!i) {
        if (d)
            dentry_put(d);
        return -ENOMEM;
    }
    i->ino = p->node->arg;
    i->uid = i->gid = 0;
    i->fops = &ns_file_ops;
    d->super = &anon_super;
    dentry_instantiate(d, i);
    *out = (struct path_s){.dentry = d};
    return 0;
}

#define NS(n, kind, number)                                                                        \
    {                                                                                              \
        .name = n, .mode = S_IFLNK | 0777, .text = kind, .link = ns_link, .follow = ns_follow,     \
        .arg = number                                                                              \
    }

const struct pseudo_node proc_ns_table[] = {
    NS("cgroup", "cgroup:", 4026531835),
    NS("ipc", "ipc:", 4026531839),
    NS("mnt", "mnt:", 4026531841),
    NS("net", "net:", 4026531840),
    NS("pid", "pid:", 4026531836),
    NS("pid_for_children", "pid:", 4026531836),
    NS("time", "time:", 4026531834),
    NS("time_for_children", "time:", 4026531834),
    NS("user", "user:", 4026531837),
    NS("uts", "uts:", 4026531838),
    PSEUDO_END,
};
