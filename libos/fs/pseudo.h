/* Pseudo files: trees described by tables, contents made when they are read.
 * fs/pseudo.c
 *
 * A `struct pseudo_node` is one line of a static table: a file, link or directory.  A
 * `struct pseudo` says which instance it is: the same "status" line serves every
 * process.  Inodes keep only numbers (process id and start time), never pointers, so
 * that an open /proc file neither keeps a process alive nor outlives it unnoticed.
 *
 * Text is made at a read of offset 0 and kept until the next one, so that a reader in
 * small pieces sees one consistent state.
 */
#ifndef LIBOS_FS_PSEUDO_H
#define LIBOS_FS_PSEUDO_H

#include <linux/stat.h>

#include "lib.h"
#include "thread.h"
#include "vfs.h"

struct pseudo_node;

struct pseudo {
    const struct pseudo_node *node;
    s32 pid, tid; /* the process (thread) it is about; 0: none.  tid 0: the process */
    u64 start;    /* start time of that process: tells a reused number */
    u64 key;      /* descriptor, CPU number, ...: meaning is the directory's */
};

#define PSEUDO_NAME 32

/* A directory whose entries are computed. */
struct pseudo_dir {
    /* Fills *out (preset to *dir) for a name, or -ENOENT. */
    long (*lookup)(const struct pseudo *dir, const char *name, struct pseudo *out);
    /* The first entry at or after *cursor: fills name and *out, leaves *cursor behind it;
     * false at the end. */
    bool (*next)(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME], struct pseudo *out);
};

struct pseudo_node {
    const char *name;
    u32 mode;         /* S_IFMT | permissions */
    const char *text; /* contents or link text, if constant */
    /* Appends the contents; 0 or -errno.  May be called again with a larger buffer. */
    long (*show)(const struct pseudo *p, struct textbuf *b);
    /* Takes what one write brought (NUL-terminated); 0 or -errno. */
    long (*store)(const struct pseudo *p, const char *text, size_t n);
    const struct pseudo_node *child; /* table of a directory, ended by a NULL name */
    const struct pseudo_dir *dir;    /* computed entries, looked at after the table */
    long (*link)(const struct pseudo *p, char *buf, size_t len); /* as readlink */
    long (*follow)(const struct pseudo *p, struct path_s *out);  /* magic links */
    const struct file_ops *fops;                                 /* own input and output */
    u32 (*mode_of)(const struct pseudo *p); /* permissions, if they depend on the instance */
    bool (*valid)(const struct pseudo *p);  /* does a computed entry still exist? */
    u64 arg;                                /* for functions that serve several lines */
};

#define PSEUDO_DIR(n, table)                                                                       \
    {                                                                                              \
        .name = n, .mode = S_IFDIR | 0555, .child = table                                          \
    }
#define PSEUDO_TEXT(n, t)                                                                          \
    {                                                                                              \
        .name = n, .mode = S_IFREG | 0444, .text = t                                               \
    }
#define PSEUDO_SHOW(n, f)                                                                          \
    {                                                                                              \
        .name = n, .mode = S_IFREG | 0444, .show = f                                               \
    }
#define PSEUDO_SHOW_ARG(n, f, a)                                                                   \
    {                                                                                              \
        .name = n, .mode = S_IFREG | 0444, .show = f, .arg = a                                     \
    }
#define PSEUDO_LINK(n, t)                                                                          \
    {                                                                                              \
        .name = n, .mode = S_IFLNK | 0777, .text = t                                               \
    }
#define PSEUDO_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* A file system whose root is `root`. */
struct super *pseudo_super(const char *type, u64 magic, const struct pseudo_node *root);

/* What an inode of such a file system stands for; NULL for any other inode. */
const struct pseudo *pseudo_of(const struct inode *i);

/* Runs p's `show` into *b, growing it until everything fits; the caller kpages_free()s
 * b->p (b->cap bytes) whatever the result. */
long pseudo_text(const struct pseudo *p, struct textbuf *b);

extern const struct file_ops pseudo_dir_fops, pseudo_file_fops;

#define PROC_MAGIC    0x9fa0
#define SYSFS_MAGIC_  0x62656572
#define CGROUP2_MAGIC 0x63677270

#endif
