/* What inotify and dnotify share: watches of inodes.  fs/inotify.c, fs/dnotify.c */
#ifndef LIBOS_FS_WATCH_H
#define LIBOS_FS_WATCH_H

#include "lock.h"
#include "vfs.h"

/* An inotify watch belongs to a group and holds a reference on the inode; a dnotify watch
 * has none, and lives as long as the open directory it belongs to. */
struct watch {
    struct list of_inode, of_group;
    struct group *group;
    struct inode *inode;
    s32 wd;
    u32 mask;
};

/* A name changed within one directory: only dnotify has such an event. */
#define NOTIFY_RENAMED 0x10000000u

extern struct lock watch_lock; /* all lists of watches */

/* Under watch_lock: something happened in a directory watched by dnotify. */
void dnotify_event(struct watch *w, u32 mask, bool child);

#endif
