/* Events for inotify out of the file layer: to the file's own watches and, with its name,
 * to those of its directory. */
#include <linux/inotify.h>
#include <linux/stat.h>

#include "fs.h"

void notify_child(struct dentry *d, u32 mask)
{
    struct inode *i = d->inode;
    u32 isdir = i && S_ISDIR(i->mode) ? IN_ISDIR : 0;
    struct dentry *parent = dentry_parent(d);

    if (parent != d && parent->inode && !list_empty(&parent->inode->watches))
        fsnotify(parent->inode, d, mask | isdir, d->name, 0);
    dentry_put(parent);
    if (i && !list_empty(&i->watches))
        fsnotify(i, d, mask | isdir, NULL, 0);
}
