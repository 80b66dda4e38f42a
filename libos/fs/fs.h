/* What the files of fs/ share among themselves; everybody else has vfs.h. */
#ifndef LIBOS_FS_FS_H
#define LIBOS_FS_FS_H

#include "thread.h"
#include "vfs.h"

/* ---- inode.c ---- */
bool cred_in_group(u32 gid);
long inode_get_write(struct inode *i); /* one more writer, or -ETXTBSY */
void inode_put_write(struct inode *i);
void inode_touch_atime(struct inode *i); /* as relatime does */

/* ---- async.c ---- */
long file_owner_call(struct file *f, u32 cmd, uptr arg); /* F_SETOWN and its relatives */
long file_set_async(struct file *f, int fd, bool on);
void async_file_gone(struct file *f);
/* F_NOTIFY: messages for f are told with this descriptor; the caller becomes the owner. */
long async_begin_messages(struct file *f, int fd);
void async_message(struct file *f); /* one event; any locks but list_lock may be held */

/* ---- rw_calls.c: flags of one transfer (RWF_*) ---- */
long rwf_check(struct file *f, int flags); /* can f honour them? */
long rwf_sync(struct file *f, int flags);  /* after a write */
long rwf_end(struct file *f, s64 *off);    /* where RWF_APPEND writes */

/* ---- dnotify.c ---- */
long file_notify(struct file *f, int fd, u32 arg); /* F_NOTIFY */
void dnotify_close(struct file *f, const struct files *owner);
void dnotify_file_gone(struct file *f);

/* ---- walk.c: path walks ---- */
enum last_kind { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

struct walk {
    struct path_s path;  /* where the walk stands: a reference */
    struct path_s root;  /* the process's, or dirfd under LOOKUP_IN_ROOT: a reference */
    struct path_s start; /* under LOOKUP_BENEATH: not to be left; dentry NULL otherwise */
    const char *rest;    /* what is still to be walked */
    char *buf;           /* holds rest once a link was followed */
    u32 flags;           /* LOOKUP_* */
    u32 links;           /* followed so far */
    const char *last;    /* final component, after walk_parent */
    size_t last_len;
    u32 last_hash;
    enum last_kind kind;
    bool slash; /* slashes follow the final component */
};

long walk_begin(struct walk *w, int dirfd, const char *name, u32 flags);
/* Walks to the directory of the final component. */
long walk_parent(struct walk *w);
/* Takes the final component's dentry (which must be a link) into account: w->rest is what
 * it says, or w->path is where a magic link leads (then true in *jumped). */
long walk_link(struct walk *w, struct dentry *link, bool *jumped);
/* From w->path over mounts at d (takes over the reference on d). */
long walk_into(struct walk *w, struct dentry *d);
long walk_dotdot(struct walk *w);
void walk_end(struct walk *w);

/* walk_fast.c: the same over cached plain paths; 0, -ENOENT, or > 0: it can't tell. */
long walk_fast(int dirfd, const char *name, u32 flags, struct path_s *out);

/* Child `name` of the directory, negative ones too; a reference or ERR_PTR. */
struct dentry *lookup_child(struct dentry *dir, const char *name, size_t len, u32 hash);
/* The same with the directory's inode locked by the caller. */
struct dentry *lookup_child_locked(struct dentry *dir, const char *name, size_t len, u32 hash);

/* ---- namei.c: names to be made or removed ---- */
struct name_target {
    struct walk walk; /* walk.path is the directory, its inode locked */
    struct dentry *d; /* the name */
};
/* LOOKUP flags for the walk; then the directory is locked and d looked up. */
long name_begin(struct name_target *n, int dirfd, const char *name);
void name_end(struct name_target *n);
/* May the caller add a name to / take d from the directory? */
long may_create(struct inode *dir);
long may_delete(struct inode *dir, struct dentry *d, bool is_dir);
/* Read-only mounts and file systems. */
static inline bool path_readonly(const struct path_s *p)
{
    return (p->mnt && (p->mnt->flags & 1)) || (p->dentry->super->flags & SUPER_RDONLY);
}

/* A path argument in library-OS memory. */
struct user_path {
    char text[PATH_MAX_];
};
long user_path_get(struct user_path *p, uptr name); /* 0 or -errno; "" is fine */

/* ---- attributes ---- */
long do_truncate(const struct path_s *p, struct file *f, u64 size);
bool privs_to_drop(struct inode *i, struct setattr *a);
/* Drops set-user-ID rights when data of the file changes. */
void file_remove_privs(struct file *f);

/* ---- file.c ---- */
struct file *file_new(void); /* refs 1, everything else zero; NULL: no memory */
void file_free(struct file *f);
extern struct lock dentry_rename_lock;

/* ---- mount.c ---- */
struct mount *mount_attach_at(struct super *s, struct dentry *root, struct path_s *at, u32 flags,
                              const char *source);
bool mount_has_children(struct mount *m);
void mount_detach(struct mount *m);

/* ---- path_text.c, cwd.c ---- */
char *path_text_from(const struct path_s *p, char *buf, size_t len, bool *reachable);
void fs_set_cwd(const struct path_s *p);

/* ---- inotify from calls ---- */
void notify_child(struct dentry *d, u32 mask); /* watches of d and of its directory */
static inline bool watched(struct dentry *d)
{
    struct inode *i = d->inode, *p = READ_ONCE(d->parent)->inode;
    return (i && !list_empty(&i->watches)) || (p && !list_empty(&p->watches));
}

/* ---- fdtable.c ---- */
void fd_close_range(u32 first, u32 last);
void fd_cloexec_range(u32 first, u32 last);
long fd_get_cloexec(int fd);
long fd_set_cloexec(int fd, bool on);

/* ---- locks.c ---- */
long fcntl_lock(struct file *f, u32 cmd, uptr arg);

#endif
