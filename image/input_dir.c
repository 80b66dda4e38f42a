/* A host directory as a tree.
 *
 * It may change while it is read, and belong to somebody else: every directory is opened
 * below its parent, links are never followed.
 */
#include "input.h"
#include "node_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct walk {
    struct tree *tree;
    struct image_error *err;
    struct node_table seen;         /* files with several names */
    char path[TREE_PATH_MAX + 300]; /* of the entry in hand, on the host */
};

/* What of attributes says something about the file, not about the machine. */
static bool keep_xattr(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strncmp(name, "trusted.", 8) == 0 ||
           strcmp(name, "security.capability") == 0 || strncmp(name, "system.posix_acl_", 17) == 0;
}

static void read_xattrs(struct walk *w, struct node *n)
{
    char names[65536];
    static char value[65536];
    ssize_t len = llistxattr(w->path, names, sizeof(names));

    for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        ssize_t size = keep_xattr(name) ? lgetxattr(w->path, name, value, sizeof(value)) : -1;
        if (size >= 0)
            node_add_xattr(n, name, value, (size_t)size);
    }
}

static void take_stat(struct node *n, const struct stat *st)
{
    n->mode = st->st_mode;
    n->uid = st->st_uid;
    n->gid = st->st_gid;
    n->mtime = st->st_mtim.tv_sec;
    n->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        uint32_t major = major(st->st_rdev), minor = minor(st->st_rdev);
        n->rdev = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
    }
    if (S_ISREG(st->st_mode))
        n->size = (uint64_t)st->st_size;
}

static int fill(struct walk *w, struct node *n, int dir, const char *name)
{
    char target[4096];

    read_xattrs(w, n);
    if (S_ISLNK(n->mode)) {
        ssize_t len = readlinkat(dir, name, target, sizeof(target));
        if (len <= 0 || len >= (ssize_t)sizeof(target))
            return image_fail(w->err, len < 0 ? errno : ENAMETOOLONG, "%s", w->path);
        n->target = strndup(target, (size_t)len);
        return n->target ? 0 : image_fail(w->err, ENOMEM, "image");
    }
    if (!S_ISREG(n->mode) || !n->size)
        return 0;
    if (faccessat(dir, name, R_OK, AT_EACCESS) < 0) {
        image_fail(w->err, errno, "%s", w->path);
        return image_hint(w->err, "build from a tar archive, or as a user who may read it");
    }
    n->source = SOURCE_PATH;
    n->path = strdup(w->path);
    return n->path ? 0 : image_fail(w->err, ENOMEM, "image");
}

static int walk_dir(struct walk *w, struct node *dir, int fd, size_t len);

static int take_entry(struct walk *w, struct node *dir, int fd, const char *name, size_t len)
{
    struct stat st;

    if (len > TREE_PATH_MAX)
        return image_fail(w->err, ENAMETOOLONG, "%s", w->path);
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : image_fail(w->err, errno, "%s", w->path);
    bool several = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
    struct node *n = several ? node_table_find(&w->seen, st.st_dev, st.st_ino) : NULL;
    if (n) {
        dir_put(w->tree, dir, name, strlen(name), n);
        return 0;
    }
    n = node_new(w->tree, st.st_mode);
    take_stat(n, &st);
    dir_put(w->tree, dir, name, strlen(name), n);
    if (several && node_table_add(&w->seen, st.st_dev, st.st_ino, n) < 0)
        return image_fail(w->err, ENOMEM, "image");
    if (fill(w, n, fd, name) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return 0;
    int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return below < 0 ? image_fail(w->err, errno, "%s", w->path) : walk_dir(w, n, below, len);
}

/* Takes over fd; w->path[0..len) is the directory. */
static int walk_dir(struct walk *w, struct node *dir, int fd, size_t len)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;
    int rc = 0;

    if (!d) {
        close(fd);
        return image_fail(w->err, errno, "%s", w->path);
    }
    while (rc == 0 && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int n = snprintf(w->path + len, sizeof(w->path) - len, "/%s", e->d_name);
        rc = take_entry(w, dir, dirfd(d), e->d_name, len + (size_t)n);
        w->path[len] = 0;
    }
    closedir(d);
    return rc;
}

int input_dir(struct tree *t, const char *path, struct image_error *err)
{
    static struct walk w;
    struct stat st;

    w = (struct walk){.tree = t, .err = err};
    size_t len = (size_t)snprintf(w.path, TREE_PATH_MAX, "%s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || len >= TREE_PATH_MAX || fstat(fd, &st) < 0)
        return image_fail(err, fd < 0 ? errno : ENAMETOOLONG, "%s", path);
    while (len > 1 && w.path[len - 1] == '/')
        w.path[--len] = 0;
    take_stat(t->root, &st);
    read_xattrs(&w, t->root);
    int rc = walk_dir(&w, t->root, fd, len);
    node_table_free(&w.seen);
    return rc;
}
