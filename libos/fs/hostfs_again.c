/* Files that are open at a save, and at its resume.
 *
 * The host's files that are open for reading are listed while everything rests; the monitor that
 * resumes opens them before there is anybody to ask for one after the other, and each is found here
 * by its URI.  Both ends go through the inodes in the same order, so looking for one goes on
 * where the one before was found.  What is not in the list is asked for.
 *
 * Locking: none; all threads rest, or have not been started. */
#include <linux/fcntl.h>

#include "carry.h"
#include "hostfs.h"
#include "lib.h"
#include "thread.h"

static u32 found; /* how many of the list have been passed */

static void add(struct inode *i, void *arg)
{
    struct hostfs_node *n = hostfs_node(i);
    struct boot_info *b = boot();
    struct boot_opened *o = boot_opened(b) + b->opened_count;
    char buf[URI_MAX], *uri;

    (void)arg;
    if (b->opened_count == BOOT_OPENED_MAX || !n->name || n->handle < 0 ||
        n->handle == n->write_handle || n->lower.users == 0)
        return;
    uri = hostfs_uri(n->name, buf);
    if (IS_ERR(uri) || strlen(uri) >= sizeof(o->uri))
        return;
    memcpy(o->uri, uri, strlen(uri) + 1);
    b->opened_count++;
}

void hostfs_list_open(void)
{
    boot()->opened_count = found = 0;
    hostfs_each(add, NULL);
}

/* Its handle in the list, or -1. */
static long take_listed(struct dentry *name, struct host_attr *attr)
{
    struct boot_info *b = boot();
    char buf[sizeof(boot_opened(b)->uri)], *uri = hostfs_uri_in(name, buf, sizeof(buf));

    if (IS_ERR(uri))
        return -1;
    for (u32 n = found; n < b->opened_count; n++) {
        struct boot_opened *o = &boot_opened(b)[n];
        if (strcmp(o->uri, uri) != 0)
            continue;
        found = n + 1;
        long handle = o->handle;
        o->handle = -1;
        *attr = o->attr;
        return handle;
    }
    return -1;
}

/* By itself, as room for any name is a page of the stack more. */
static __attribute__((noinline)) long ask(struct dentry *name, int flags, struct host_attr *attr)
{
    char buf[URI_MAX], *uri = hostfs_uri(name, buf);

    return IS_ERR(uri) ? PTR_ERR(uri) : host_open(uri, flags, 0, attr);
}

long hostfs_open_again(struct dentry *name, int flags, struct host_attr *attr)
{
    long handle = flags == O_RDONLY ? take_listed(name, attr) : -1;

    return handle < 0 ? ask(name, flags, attr) : handle;
}

void hostfs_list_done(void)
{
    struct boot_info *b = boot();

    for (u32 n = 0; n < b->opened_count; n++)
        if (boot_opened(b)[n].handle >= 0)
            host_close(boot_opened(b)[n].handle);
    b->opened_count = 0;
}
