/* Files: the objects every file system of the library OS is made of.  fs/
 *
 *   inode    one file, whatever its names
 *   dentry   one name in one directory; caches "no such name" too (inode NULL)
 *   mount    a file system attached at a dentry
 *   file     an open file description (shared by dup and fork)
 *   files    a descriptor table
 *
 * Reference counts keep all of them alive; locks are listed in docs/locking.md.
 * A dentry belongs to exactly one super; crossing a mount point goes through mounts.
 */
#ifndef LIBOS_VFS_H
#define LIBOS_VFS_H

#include "kalloc.h"
#include "ktime.h"
#include "list.h"
#include "lock.h"
#include "uio.h"
#include "wait.h"

#define NAME_MAX_ 255
#define PATH_MAX_ 4096

struct inode;
struct dentry;
struct super;
struct mount;
struct file;
struct poll_table;
struct vma;
struct path_s;
struct textbuf;

struct kstat { /* what stat reports; times in ns */
    u64 ino, dev, rdev, size, blocks;
    s64 atime, mtime, ctime, btime;
    u32 mode, nlink, uid, gid, blksize;
};

struct setattr { /* mask: ATTR_* */
    u32 mask, mode, uid, gid;
    u64 size;
    s64 atime, mtime;
};
#define ATTR_MODE  1u
#define ATTR_UID   2u
#define ATTR_GID   4u
#define ATTR_SIZE  8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_FORCE 64u /* no permission checks: internal */

/* All return 0 or -errno.  dir is locked (dir->lock) by the caller for everything that
 * looks up or changes names; rename locks both, lower address first.  `d` is the
 * dentry of the name, negative for lookup/create; on success the operation fills
 * d->inode (dentry_instantiate).
 *
 * Who does what: permissions, existence (EEXIST, ENOENT), sticky bits, loops, read-only
 * mounts and the type rules of rename are checked by the caller.  The operation does what
 * only it can know (ENOTEMPTY, ENOSPC), keeps nlink and the times of inodes and
 * directories, and leaves the tree of dentries alone: after unlink, rmdir and rename
 * the caller unhashes or moves dentries (rename over nd->inode drops that name too).
 * Owner and set-group-id inheritance of new inodes are the operation's (the umask is
 * already applied).  setattr, the xattr operations and file_ops are called without the
 * inode's lock and take it themselves; setattr gets final values (the caller checked
 * rights and decided about S_ISUID/S_ISGID) and sets ctime.  A dentry that was looked up is
 * hashed by the caller, negative ones too, unless ->lookup set DENTRY_NOCACHE.  A directory
 * that is removed, or replaced by a rename, is locked as well. */
struct inode_ops {
    long (*lookup)(struct inode *dir, struct dentry *d); /* absent: 0 with d->inode NULL */
    long (*create)(struct inode *dir, struct dentry *d, u32 mode); /* regular file */
    long (*mknod)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev);
    long (*mkdir)(struct inode *dir, struct dentry *d, u32 mode);
    long (*symlink)(struct inode *dir, struct dentry *d, const char *target);
    long (*link)(struct inode *dir, struct dentry *d, struct inode *target, struct dentry *old);
    long (*unlink)(struct inode *dir, struct dentry *d);
    long (*rmdir)(struct inode *dir, struct dentry *d);
    long (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                   u32 flags);
    /* Text of a link into buf (NUL-terminated), its length; `d` is its dentry. */
    long (*readlink)(struct dentry *d, char *buf, size_t len);
    /* Magic links (/proc/self/fd/N, exe, cwd): fills the place they lead to. */
    long (*follow)(struct dentry *d, struct path_s *out);
    long (*getattr)(struct dentry *d, struct inode *i, struct kstat *st);
    long (*setattr)(struct dentry *d, struct inode *i, const struct setattr *a);
    /* NULL: default rwx check on mode/uid/gid.  mask: MAY_*. */
    long (*permission)(struct inode *i, u32 mask);
    long (*getxattr)(struct inode *i, struct dentry *d, const char *name, void *buf, size_t n);
    long (*setxattr)(struct inode *i, struct dentry *d, const char *name, const void *buf, size_t n,
                     int flags);
    long (*listxattr)(struct inode *i, struct dentry *d, char *buf, size_t n);
    long (*removexattr)(struct inode *i, struct dentry *d, const char *name);
    /* Unnamed file for O_TMPFILE: a new inode with nlink 0. */
    struct inode *(*tmpfile)(struct inode *dir, u32 mode);
    /* Called when the last reference goes; frees i->private. */
    void (*evict)(struct inode *i);
};
#define MAY_EXEC  1u
#define MAY_WRITE 2u
#define MAY_READ  4u

/* Directory output of getdents64: emit returns false when the buffer is full. */
struct dir_emit { /* file systems emit "." and ".." themselves: dir_emit_dots */
    bool (*emit)(struct dir_emit *e, const char *name, size_t len, u64 ino, u8 type, s64 next_pos);
};

/* Emits "." and ".." for f->pos 0 and 1; false when the buffer is full.  Entries of the
 * file system start at position 2. */
bool dir_emit_dots(struct file *f, struct dir_emit *e);

struct mapping_request; /* mm.h */

struct file_ops {
    long (*open)(struct file *f);    /* after f->inode, flags are set */
    void (*release)(struct file *f); /* last reference */
    void (*flush)(struct file *f);   /* each close(2) of a descriptor */
    /* pos: offset; for files without positions ignore it.  Bytes moved or -errno.
     * O_NONBLOCK is f->flags & O_NONBLOCK.  O_APPEND is resolved by write itself under
     * the inode lock: it sets *pos. */
    long (*read)(struct file *f, struct uio *u, u64 *pos);
    long (*write)(struct file *f, struct uio *u, u64 *pos);
    s64 (*llseek)(struct file *f, s64 off, int whence); /* NULL: ESPIPE */
    /* Current POLL* mask; registers with poll_wait on every queue that can change it. */
    u32 (*poll)(struct file *f, struct poll_table *pt);
    long (*ioctl)(struct file *f, u32 cmd, uptr arg);    /* -ENOTTY if unknown */
    long (*readdir)(struct file *f, struct dir_emit *e); /* from f->pos, sets f->pos */
    /* Says how to map [off, off+len) : mm.h */
    long (*mmap)(struct file *f, struct mapping_request *r);
    long (*fsync)(struct file *f, bool data_only);
    long (*fallocate)(struct file *f, u32 mode, u64 off, u64 len);
    /* A reference to the host handle behind the file if all I/O may go straight there, else -1. */
    int (*host_handle)(struct file *f);
    /* Text for /proc/PID/fdinfo/N after the common lines; may be NULL. */
    void (*fdinfo)(struct file *f, struct textbuf *b);
    /* A VMA of it came (+1) or went (-1); mm->lock may be held.  May be NULL. */
    void (*mapped)(struct file *f, int sign);
};

/* llseek of a file without an end one could count from: SEEK_END is -EINVAL. */
s64 file_seek_endless(struct file *f, s64 off, int whence);

struct inode {
    u32 refs;
    u32 mode; /* S_IFMT | permissions */
    u32 uid, gid, nlink, blksize;
    u64 ino, rdev, size, blocks;
    s64 atime, mtime, ctime, btime;
    struct lock lock; /* names below it if a directory; data and size if a file */
    struct super *super;
    const struct inode_ops *ops;
    const struct file_ops *fops; /* for files opened on it */
    void *private;               /* the file system's */
    struct list locks;           /* POSIX, OFD and flock locks: fs/locks.c */
    struct waitq lock_wait;
    struct list watches; /* inotify: fs/inotify.c */
    s32 write_count;     /* open for writing (> 0) or being executed (< 0): ETXTBSY */
    void *ipc;           /* FIFO: struct pipe; socket: its endpoint */
    u32 flags;           /* INODE_* */
    u32 seals;           /* F_SEAL_*, meaningful with INODE_SEALABLE */
    s32 mapped_shared;   /* writable shared mappings of it (kept by mm) */
};
#define INODE_SEALABLE   1u
#define INODE_PIPE       4u  /* of pipe(2): opening it again never waits */
#define INODE_NOATIME    2u  /* reading doesn't touch atime (proc, sys, host files) */
#define INODE_LINKABLE   8u  /* unnamed (O_TMPFILE), may be given a name */
#define INODE_SIZED_ONCE 16u /* memfd_secret: its size is changed from 0 only */

struct dentry {
    u32 refs;
    u32 hash;
    struct dentry *parent; /* itself at a root */
    struct super *super;
    struct inode *inode;  /* NULL: known not to exist */
    struct list children; /* under parent inode's lock */
    struct list sibling;
    struct list bucket; /* hash chain */
    struct list lru;
    u32 flags;       /* DENTRY_* */
    bool referenced; /* found since the last sweep of the cache */
    u64 checked_ns;  /* when last confirmed by the host (hostfs) */
    u32 name_len;
    u32 mounts; /* mounts on it: 0 in almost all */
    char *name;
    char inline_name[40];
    void *private;
};
#define DENTRY_UNHASHED 1u /* not (or no longer) findable: unlinked or renamed over */
#define DENTRY_NOCACHE  2u /* set by ->lookup: forget it after use (processes in /proc) */
#define DENTRY_DELETED  8u /* was unlinked: shown as "(deleted)" */

struct super {        /* one file system instance */
    const char *type; /* "tmpfs", "proc" ... */
    u64 dev;          /* st_dev */
    struct dentry *root;
    u64 magic; /* statfs f_type */
    void *private;
    u64 next_ino;
    u32 flags;
    /* May a cached dentry be used without asking?  NULL: always. */
    bool (*revalidate)(struct dentry *d);
    long (*statfs)(struct super *s, void *statfs_buf);
    long (*sync)(struct super *s);
    void (*gone)(struct super *s);     /* unmounted and unused: free everything */
    const struct lower_ops *lower_ops; /* an overlay may lie over it: fs/lower.h */
};
#define SUPER_RDONLY  1u
#define SUPER_NOATIME 2u

/* Mounts are few: the objects stay for good, so that walks need no count of them. */
struct mount {
    u32 refs; /* unused by path_get/path_put */
    s32 id;
    struct super *super;
    struct dentry *root;       /* usually super->root */
    struct mount *parent;      /* NULL at / */
    struct dentry *mountpoint; /* in parent */
    struct list all;
    u32 flags; /* MS_RDONLY, MS_NOSUID ... */
    char *source;
    struct mount *hash_next;
    bool gone; /* unmounted */
};

/* A place: a dentry seen through a mount.  Holds a reference on the dentry. */
struct path_s {
    struct mount *mnt;
    struct dentry *dentry;
};

struct file_owner { /* who gets signals of O_ASYNC */
    s32 type, id;   /* F_OWNER_*; a thread, process or group; 0: nobody */
    s32 sig;        /* F_SETSIG; 0: SIGIO without more */
    u32 uid, euid;  /* of who set it */
};

struct file {
    u32 refs;
    u32 flags;           /* O_* as fcntl(F_GETFL) shows them */
    struct path_s path;  /* anonymous files: mnt NULL, dentry->super == &anon_super */
    struct inode *inode; /* anonymous files have one too (anon_inode) */
    const struct file_ops *ops;
    u64 pos;
    struct lock pos_lock;
    void *private;
    struct list epolls; /* epoll items watching it: fs/epoll.c */
    struct lock epoll_lock;
    u32 fmode;                /* FMODE_* */
    struct file_async *async; /* O_ASYNC: fs/async.c */
    struct file *next_free;
    struct file_owner owner;
    struct dnotify *dnotify; /* F_NOTIFY: fs/dnotify.c */
};
#define FMODE_READ   1u
#define FMODE_WRITE  2u
#define FMODE_PATH   4u  /* O_PATH */
#define FMODE_SEEK   8u  /* has a position: reads and writes hold pos_lock; set by the opener */
#define FMODE_WRITER 16u /* counted in inode->write_count */
#define FMODE_DENY   32u /* counted there the other way: a program being run */

struct files { /* descriptor table, shared by CLONE_FILES */
    u32 refs;
    struct lock lock;
    u32 size;
    struct file **fd;
    u64 *cloexec; /* bitmaps of `size` bits */
    u64 *open;
    u32 next;     /* lowest that may be free */
    void *tables; /* every memory block fd and the bitmaps ever were in */
};

struct fs_ctx { /* shared by CLONE_FS */
    u32 refs;
    struct lock lock;
    u32 umask;
    u32 seq; /* odd while root or cwd change: walks read them without the lock */
    struct path_s root, cwd;
};

/* ---- reference counting --------------------------------------------------- */
struct inode *inode_new(struct super *s, u32 mode); /* refs 1, times now, ino next */
static inline struct inode *inode_get(struct inode *i)
{
    ref_get(&i->refs);
    return i;
}
void inode_put(struct inode *i);
static inline struct dentry *dentry_get(struct dentry *d)
{
    ref_get(&d->refs);
    return d;
}
void dentry_put(struct dentry *d);
/* Owner, group and mode of a new inode in dir (set-group-ID directories). */
void inode_init_owner(struct inode *i, struct inode *dir, u32 mode);
/* The defaults behind a NULL getattr / setattr; setattr takes i->lock, sets ctime and
 * leaves ATTR_SIZE to the caller beyond storing it. */
void inode_getattr(struct inode *i, struct kstat *st);
long inode_setattr(struct inode *i, const struct setattr *a);
/* A running program's file refuses writers and the other way round: 0 or -ETXTBSY. */
long inode_deny_write(struct inode *i);
void inode_allow_write(struct inode *i);
long file_deny_write(struct file *f); /* as long as f is open */
/* Attributes through the file system (overlay, hostfs), for callers with a place. */
long path_getattr(const struct path_s *p, struct kstat *st);
long dentry_setattr(struct dentry *d, const struct setattr *a); /* with fsnotify */
static inline struct file *file_get(struct file *f)
{
    ref_get(&f->refs);
    return f;
}
void file_put(struct file *f);
void path_get(struct path_s *p);
void path_put(struct path_s *p);

/* ---- dentries (fs/dentry.c) ----------------------------------------------- */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len);
struct dentry *dentry_make_root(struct super *s, struct inode *root);
/* Binds d to i (takes over the reference on i). */
void dentry_instantiate(struct dentry *d, struct inode *i);
/* Cached child, with a reference, or NULL when unknown. */
struct dentry *dentry_lookup(struct dentry *parent, const char *name, size_t len);
/* Makes a dentry from dentry_alloc findable / no longer findable.  Parent inode locked. */
void dentry_hash(struct dentry *d);
void dentry_unhash(struct dentry *d);
/* d takes the parent and name of target, which is unhashed.  Both parents locked. */
void dentry_move(struct dentry *d, struct dentry *target);
void dentry_exchange(struct dentry *a, struct dentry *b);
struct dentry *dentry_parent(struct dentry *d); /* with a reference */
/* Unhashes everything cached below d (a super that changed under us, a removed dir). */
void dentry_forget_children(struct dentry *d);
/* Path of d below the process's root into buf: pointer into buf, or ERR_PTR(-ENAMETOOLONG).
 * Deleted: " (deleted)" is appended. */
char *path_text(const struct path_s *p, char *buf, size_t len);
/* What /proc/self/fd/N links to: path_text, or the name of an anonymous file: a name
 * ending in ':' gets "[inode number]" appended ("pipe:", "socket:"). */
char *file_text(struct file *f, char *buf, size_t len);
/* Path of d within its super ("/a/b"). */
char *dentry_path(struct dentry *d, char *buf, size_t len);

/* ---- look-up (fs/namei.c) ------------------------------------------------- */
#define LOOKUP_FOLLOW        1u /* follow a link in the last component */
#define LOOKUP_DIRECTORY     2u
#define LOOKUP_EMPTY         4u /* "" means dirfd itself */
#define LOOKUP_NO_SYMLINKS   8u
#define LOOKUP_BENEATH       16u
#define LOOKUP_IN_ROOT       32u
#define LOOKUP_NO_XDEV       64u
#define LOOKUP_NO_MAGICLINKS 128u
/* Finds an existing path relative to dirfd (AT_FDCWD); a reference in *out. */
long path_lookup(int dirfd, const char *name, u32 flags, struct path_s *out);
/* The same, knowing that the file is going to be opened for reading. */
long path_lookup_to_read(int dirfd, const char *name, u32 flags, struct path_s *out);
long path_lookup_user(int dirfd, uptr name, u32 flags, struct path_s *out);
/* open(2) from inside or outside: a file with one reference or ERR_PTR. */
struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode, u32 lookup);
/* A file on an existing place. */
struct file *file_open_path(const struct path_s *p, u32 flags);
/* mknod(2) from inside (the umask is applied); the place in *out unless NULL. */
long path_mknod(int dirfd, const char *name, u32 mode, u64 dev, struct path_s *out);
long inode_permission(struct inode *i, u32 mask);
long inode_permission_default(struct inode *i, u32 mask); /* mode bits and capabilities */
bool inode_owner_or_capable(struct inode *i);             /* owner, or CAP_FOWNER */

/* ---- descriptors (fs/fdtable.c) ------------------------------------------- */
struct files *files_new(void);
struct files *files_copy(struct files *old);
long files_unshare(void); /* a table of its own for the calling process: proc/unshare.c */
void files_put(struct files *f);
void files_exec(struct files *f); /* closes close-on-exec descriptors */
struct file *fd_get(int fd);      /* a reference, or NULL (EBADF); O_PATH files too */
struct file *fd_get_io(int fd);   /* as fd_get but NULL for O_PATH */
/* The number; takes over the reference unless it fails. */
long fd_install(struct file *f, u32 min, bool cloexec);
long fd_install_at(struct file *f, int fd, bool cloexec);
long fd_close(int fd);
/* A number first, the file later (or never): calls that must not fail after their effect. */
long fd_reserve(u32 min, bool cloexec);
void fd_publish(int fd, struct file *f); /* takes over the reference */
void fd_unreserve(int fd);
/* Anonymous file: an inode of the anon super with the given ops, behind a dentry of its
 * own (so that it can be opened again through /proc/self/fd); path.mnt is NULL. */
struct file *file_anon(const char *name, const struct file_ops *ops, void *private, u32 flags);
/* The same on an inode that exists (the other end of a pipe); takes a reference of it. */
struct file *file_anon_on(struct inode *i, const char *name, const struct file_ops *ops,
                          void *private, u32 flags);
extern struct super anon_super;

/* Devices by number (fs/dev*.c): ops of a special inode made with mknod, used when
 * inode->fops is NULL.  FIFOs get fifo_fops (ipc.h). */
/* The generation (/dev/bailey) has gone up. */
void dev_bailey_resumed(void);
const struct file_ops *device_ops(u32 mode, u64 rdev); /* NULL: ENXIO */

struct fs_ctx *fs_ctx_new(void); /* root and cwd at the root mount */
struct fs_ctx *fs_ctx_copy(struct fs_ctx *old);
void fs_ctx_put(struct fs_ctx *c);

/* ---- polling (fs/poll.c) -------------------------------------------------- */
struct poll_table { /* NULL in ->poll: only ask */
    void (*queue)(struct poll_table *pt, struct waitq *q);
    u32 events; /* POLL* bits the caller waits for; ->poll still returns the full mask */
};
static inline void poll_wait(struct poll_table *pt, struct waitq *q)
{
    if (pt)
        pt->queue(pt, q);
}
/* Called by files whose readiness changed when they cannot use a waitq: none now. */
void epoll_file_gone(struct file *f); /* file_put tells epoll */

/* ---- mounts (fs/mount.c) -------------------------------------------------- */
extern struct mount *root_mount;
struct mount *mount_attach(struct super *s, struct path_s *at, u32 flags, const char *source);
struct mount *mount_on(struct mount *parent, struct dentry *d); /* with reference, or NULL */
extern struct list mount_list;
extern struct lock mount_lock;

/* Before a save: objects that were never handed out hold nothing (objcache.c). */
void objcache_trim(void);

/* File systems. */
struct super *tmpfs_new(u64 dev_hint, u32 root_mode);
struct super *hostfs_new(u32 export_index, bool cache);
void hostfs_list_open(void);               /* what a resume will open again, while all rest */
void hostfs_resume(void);                  /* opens all host handles again, in a resumed copy */
struct super *erofs_new(u32 export_index); /* the image that is the export; or ERR_PTR */
/* Opens and maps the image again in a resumed copy, before there is a second process. */
void erofs_resume(void);
bool erofs_gone(void); /* in a resumed copy: the image is not there */
/* Before a self-contained save, while everything rests: takes along what is open of base files;
 * afterwards, in the original and in a copy, drops what is not needed.  fs/carry.c */
long carry_all(void);
void carry_end(void);
struct textbuf;
/* Adds a line for each file that is carried. */
void carry_summary(bool (*add)(struct textbuf *to, const char *kind, const char *line),
                   struct textbuf *to);
/* Where in the host byte *at of the image is: the handle, and the offset in *at. */
int erofs_place(u64 *at);
struct super *overlay_new(struct super *lower); /* in-memory upper over hostfs or erofs */
/* Names every path that differs from the lower layer: kind 'A' added, 'C' changed, 'D'
 * deleted (i NULL then).  For the end of a run, when nothing changes any more. */
void overlay_diff(struct super *s,
                  void (*emit)(void *ctx, char kind, const char *path, struct inode *i), void *ctx);
/* Writes what changed in all overlays to a host stream, as lines or as a tar archive; for
 * the end of the last process.  0 or -errno.  fs/diff.c */
long diff_write(int handle, bool list);
struct super *procfs_new(void);
/* The process that a directory /proc/PID is of, with a reference; NULL: no such directory. */
struct process *proc_of_inode(const struct inode *i);
struct super *sysfs_new(void);
struct super *devfs_new(void);
struct super *cgroupfs_new(void); /* cgroup2, for /sys/fs/cgroup */
u64 super_new_dev(void);
void fs_init(void); /* builds the tree of mounts from boot_info, opens stdio */

/* Reads from a file into library-OS memory: bytes or -errno.  For exec and loaders. */
long kernel_read(struct file *f, void *buf, size_t n, u64 pos);

/* Extended attributes kept in memory (tmpfs, overlay upper): fs/xattr.c */

/* Locks to drop: at close and exit. fs/locks.c */
void locks_close(struct inode *i, struct files *owner);
void locks_file_gone(struct file *f);

/* SIGURG for the owner of a file (F_SETOWN), if there is one.  Called without locks.  fs/async.c */
void file_owner_urgent(const struct file_owner *owner);

/* inotify: fs/inotify.c */
/* After something happened: tells the watches of i.  name: of the child of i it happened to
 * (d is the child's dentry), or NULL when it happened to i itself.  IN_ISDIR is added here.
 * IN_DELETE_SELF ends the watches of i.  Call only if i->watches isn't empty. */
void fsnotify(struct inode *i, struct dentry *d, u32 mask, const char *name, u32 cookie);
u32 fsnotify_cookie(void); /* ties IN_MOVED_FROM to IN_MOVED_TO */

/* Files of the pool: memfd, tmpfs regular files and shared anonymous memory. mm/pool.c, fs/tmpfs.c
 */
struct file *memfd_file_new(const char *name, u64 size, u32 flags);
/* Native asynchronous I/O: the contexts of an address space end, with exec or exit; events asked
 * for by all there are.  fs/aio.c */
struct mm;
void aio_exit(struct mm *mm);
u64 aio_nr(void);

/* ---- moving data (fs/rw.c) -------------------------------------------------- */
/* One read or write of a file with all the checks of read(2) behind the descriptor:
 * mode, RLIMIT_FSIZE, atime, inotify.  pos NULL: the file's own position.  For splice,
 * sendfile and the like. */
long file_read(struct file *f, struct uio *u, u64 *pos);
void file_accessed(struct file *f); /* its access time, as after a read */
long file_write(struct file *f, struct uio *u, u64 *pos);
/* Imports an iovec array: *out is `fast` (8 entries) or kmalloc'ed (free it then). */
long uio_import(struct uio *u, uptr iov, u64 n, struct iov *fast, struct iov **out);

#endif
