/* Host directories shown inside: what the files of hostfs and the overlay share. */
#ifndef LIBOS_FS_HOSTFS_H
#define LIBOS_FS_HOSTFS_H

#include "../../abi/host_abi.h"
#include "lower.h"
#include "vfs.h"

#define URI_MAX 4352

/* A directory's names, as the host listed them once. */
struct listing {
    char *records; /* struct host_dirent, one after the other */
    size_t len, count;
    u32 *order; /* offset of each record */
    u32 *table; /* record offset + 1 by hash; 0: free */
    u32 mask;
    struct listing *older; /* without attributes */
};

/* One export of the monitor. */
struct hostfs {
    struct super super;
    struct hostfs *older; /* made before: all of them, for a resume */
    u32 index;
    bool cache;           /* nobody changes it: what was learnt stays true */
    bool moved;           /* since a resume it is another one than that */
    struct lock lock;     /* handles, users and LRU of its nodes; the inode table */
    struct list lru;      /* nodes with handles nobody uses, oldest first */
    u32 idle;             /* how many */
    struct inode **table; /* by host inode number, chained through node->next */
    u32 size, count;
    u32 begun, swept; /* directories asked for one name at least; for as many as are worth it */
    u64 devs[16];     /* host devices met, for distinct inode numbers */
    u32 ndevs;
};

/* inode->private. */
struct hostfs_node {
    struct lower_node lower;
    struct inode *next; /* hash chain */
    u64 host_ino, host_dev;
    int handle;          /* open for reading, maybe for writing too; -1: none */
    int write_handle;    /* open for writing, -1: none; may be the same */
    struct dentry *name; /* with a reference while there is a handle: to open it again by */
    bool dead;           /* has no name any more */
    struct list lru;
    u64 checked_ns;          /* when the host last confirmed the attributes */
    struct listing *listing; /* cached directories */
    u32 misses;              /* look-ups that found nothing */
    u32 asked;               /* names whose attributes had to be asked for, but to read them */
    char *link;              /* cached symbolic link's text */
};

static inline struct hostfs *hostfs_of(const struct super *s)
{
    return container_of(s, struct hostfs, super);
}
static inline struct hostfs_node *hostfs_node(const struct inode *i) { return i->private; }

/* ---- hostfs.c ---- */
/* URI of d into buf (URI_MAX bytes, or size): pointer into it or ERR_PTR. */
char *hostfs_uri(struct dentry *d, char *buf);
char *hostfs_uri_in(struct dentry *d, char *buf, size_t size);
void hostfs_take_attr(struct inode *i, const struct host_attr *a);
u64 hostfs_map_ino(struct hostfs *fs, u64 dev, u64 ino);
/* Asks the host for the attributes unless they are younger than max_age. */
long hostfs_refresh(struct dentry *d, struct inode *i, u64 max_age);
struct inode *hostfs_inode(struct hostfs *fs, const struct host_attr *a);

/* Makes d the name of what the host has there; link: a cached link's text, or NULL. */
long hostfs_found(struct dentry *d, const struct host_attr *a, const char *link);

/* ---- hostfs_names.c: inode operations of directories ---- */
long hostfs_create(struct inode *dir, struct dentry *d, u32 mode);
long hostfs_mknod(struct inode *dir, struct dentry *d, u32 mode, u64 rdev);
long hostfs_mkdir(struct inode *dir, struct dentry *d, u32 mode);
long hostfs_symlink(struct inode *dir, struct dentry *d, const char *target);
long hostfs_link(struct inode *dir, struct dentry *d, struct inode *i, struct dentry *old);
long hostfs_unlink(struct inode *dir, struct dentry *d);
long hostfs_rmdir(struct inode *dir, struct dentry *d);
long hostfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                   u32 flags);

/* ---- hostfs_ahead.c ---- */
/* Look-up in a cached export, of d and of what the path walk will ask for next. */
long hostfs_look_ahead(struct dentry *d);

/* ---- hostfs_file.c ---- */
extern const struct file_ops hostfs_file_ops, hostfs_dir_ops;
extern const struct lower_ops hostfs_lower_ops;
/* Makes sure a handle is open and counts a user; every success needs a release. */
long hostfs_acquire(struct dentry *d, struct inode *i, bool write);
void hostfs_release(struct inode *i);
/* Handle of an acquired inode. */
int hostfs_handle(const struct inode *i, bool write);
/* A handle (read and write) opened with the file's creation. */
void hostfs_adopt(struct inode *i, int handle);
/* A handle for reading that nobody uses yet. */
void hostfs_park(struct inode *i, int handle);
void hostfs_close_handles(struct inode *i);
/* Opens the handles of i again in a resumed copy.  -ESTALE: what has the name is not the
 * same file. */
long hostfs_reopen(struct hostfs *fs, struct inode *i);
/* SEEK_DATA and SEEK_HOLE: the monitor answers for handles open for writing; elsewhere a
 * file is data to its end. */
s64 hostfs_seek(struct inode *i, s64 off, int whence, u64 size);

/* ---- hostfs_again.c ---- */
/* While a resume opens handles again: as host_open of name's URI. */
long hostfs_open_again(struct dentry *name, int flags, struct host_attr *attr);
/* What was listed and is not wanted is closed. */
void hostfs_list_done(void);

/* ---- hostfs_list.c ---- */
struct listing *listing_fetch(struct dentry *d); /* or ERR_PTR */
void listing_free(struct listing *l);
bool listing_has(const struct listing *l, const char *name, size_t len);
/* Attributes that came with the entry (copied: records are not aligned for them) and the
 * text of a symbolic link or NULL; false if there are none. */
bool listing_attr(const struct listing *l, const char *name, size_t len, struct host_attr *attr,
                  const char **link);
/* The listing of a cached directory, fetched at the first call; ERR_PTR on failure. */
struct listing *hostfs_listing(struct dentry *d);
/* Fetches the listing of a cached directory again, with the attributes of all entries. */
void hostfs_list_attributes(struct dentry *d);
/* So many names have to be missed before a listing is worth its price. */
u32 hostfs_worth_listing(const struct inode *dir);
/* Counts a name that was asked for: are all attributes to be asked for now? */
bool hostfs_time_for_attributes(struct inode *dir);
/* Record number n, NULL at the end. */
const struct host_dirent *listing_at(const struct listing *l, u64 n);

#endif
