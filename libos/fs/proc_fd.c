/* /proc/PID/{fd,fdinfo,exe,cwd,root}: what a process holds open, and where it is.
 *
 * The links are magic: following one leads to the very file, whatever has become of its
 * name; the text is only for people.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "procfs.h"

/* Path texts are made at the end of a buffer. */
static long move_text(char *buf, const char *text)
{
    size_t n;

    if (IS_ERR(text))
        return PTR_ERR(text);
    n = strlen(text);
    memmove(buf, text, n + 1);
    return (long)n;
}

/* ---- descriptors ------------------------------------------------------------------------ */

/* Descriptor `fd` of the process with a reference, or NULL; *cloexec as it is set. */
static struct file *get_fd(const struct pseudo *p, u64 fd, bool *cloexec)
{
    struct files *files = proc_files(p);
    struct file *f = NULL;

    if (!files)
        return NULL;
    lock(&files->lock);
    if (fd < files->size && files->fd[fd]) {
        f = file_get(files->fd[fd]);
        if (cloexec)
            *cloexec = files->cloexec[fd / 64] >> (fd % 64) & 1;
    }
    unlock(&files->lock);
    files_put(files);
    return f;
}

static bool fd_valid(const struct pseudo *p)
{
    struct file *f = get_fd(p, p->key, NULL);

    if (f)
        file_put(f);
    return f != NULL;
}

static u32 fd_mode(const struct pseudo *p)
{
    struct file *f = get_fd(p, p->key, NULL);
    u32 mode = 0;

    if (!f)
        return 0;
    if (f->fmode & FMODE_READ)
        mode |= 0500;
    if (f->fmode & FMODE_WRITE)
        mode |= 0300;
    file_put(f);
    return mode;
}

static long fd_link(const struct pseudo *p, char *buf, size_t len)
{
    char *text;
    struct file *f;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    f = get_fd(p, p->key, NULL);
    if (!f)
        return -ENOENT;
    text = file_text(f, buf, len);
    file_put(f);
    return move_text(buf, text);
}

static long fd_follow(const struct pseudo *p, struct path_s *out)
{
    struct file *f;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    f = get_fd(p, p->key, NULL);
    if (!f)
        return -ENOENT;
    *out = f->path;
    path_get(out);
    file_put(f);
    return 0;
}

static long show_fdinfo(const struct pseudo *p, struct textbuf *b)
{
    bool cloexec = false;
    struct file *f;
    long rc = proc_may_access(p);

    if (rc)
        return rc;
    f = get_fd(p, p->key, &cloexec);
    if (!f)
        return -ENOENT;
    text_add(b, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", f->pos,
             (f->flags & ~(u32)O_CLOEXEC) | (cloexec ? O_CLOEXEC : 0),
             f->path.mnt ? f->path.mnt->id : 15, f->inode->ino);
    if (f->ops && f->ops->fdinfo) /* O_PATH has none */
        f->ops->fdinfo(f, b);
    file_put(f);
    return 0;
}

static const struct pseudo_node fd_node = {
    .name = "FD",
    .mode = S_IFLNK | 0700,
    .link = fd_link,
    .follow = fd_follow,
    .mode_of = fd_mode,
    .valid = fd_valid,
};
static const struct pseudo_node fdinfo_node = {
    .name = "FDINFO", .mode = S_IFREG | 0444, .show = show_fdinfo, .valid = fd_valid};

static long lookup_fd(const struct pseudo *dir, const char *name, struct pseudo *out,
                      const struct pseudo_node *node)
{
    const char *end;
    u64 fd = parse_u64(name, &end, 10);

    if (end == name || *end || (name[0] == '0' && name[1]))
        return -ENOENT;
    *out = *dir;
    out->node = node;
    out->key = fd;
    return fd_valid(out) ? 0 : -ENOENT;
}

static bool next_fd(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                    struct pseudo *out, const struct pseudo_node *node)
{
    struct files *files = proc_files(dir);
    u64 fd;

    if (!files)
        return false;
    lock(&files->lock);
    for (fd = *cursor; fd < files->size && !files->fd[fd]; fd++)
        ;
    unlock(&files->lock);
    if (fd >= files->size)
        node = NULL;
    files_put(files);
    if (!node)
        return false;
    *cursor = fd + 1;
    *out = *dir;
    out->node = node;
    out->key = fd;
    snprintf(name, PSEUDO_NAME, "%lu", fd);
    return true;
}

static long fd_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    return lookup_fd(dir, name, out, &fd_node);
}

static bool fd_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                    struct pseudo *out)
{
    return next_fd(dir, cursor, name, out, &fd_node);
}

static long fdinfo_lookup(const struct pseudo *dir, const char *name, struct pseudo *out)
{
    return lookup_fd(dir, name, out, &fdinfo_node);
}

static bool fdinfo_next(const struct pseudo *dir, u64 *cursor, char name[PSEUDO_NAME],
                        struct pseudo *out)
{
    return next_fd(dir, cursor, name, out, &fdinfo_node);
}

const struct pseudo_dir proc_fd_dir = {fd_lookup, fd_next};
const struct pseudo_dir proc_fdinfo_dir = {fdinfo_lookup, fdinfo_next};

/* ---- exe, cwd, root ------------------------------------------------------------------------ */

long proc_follow_fs(const struct pseudo *p, struct path_s *out)
{
    long rc = proc_may_access(p);

    return rc ? rc : proc_fs_path(p, p->node->arg, out);
}

long proc_link_fs(const struct pseudo *p, char *buf, size_t len)
{
    struct path_s at;
    char *text;
    long rc = proc_follow_fs(p, &at);

    if (rc)
        return rc;
    text = path_text(&at, buf, len);
    path_put(&at);
    return move_text(buf, text);
}

/* The program of the process, even when its name is gone: a reference or ERR_PTR. */
static struct file *exe_of(const struct pseudo *p)
{
    struct process *proc;
    struct file *f = ERR_PTR(-ENOENT);
    long rc = proc_may_access(p);

    if (rc)
        return ERR_PTR(rc);
    proc = proc_get(p);
    if (!proc)
        return ERR_PTR(-ESRCH);
    lock(&proc->lock);
    if (proc->exe_file && !proc->zombie)
        f = file_get(proc->exe_file);
    unlock(&proc->lock);
    process_put(proc);
    return f;
}

long proc_link_exe(const struct pseudo *p, char *buf, size_t len)
{
    struct file *f = exe_of(p);

    if (IS_ERR(f))
        return PTR_ERR(f);
    char *text = path_text(&f->path, buf, len);
    file_put(f);
    return move_text(buf, text);
}

long proc_follow_exe(const struct pseudo *p, struct path_s *out)
{
    struct file *f = exe_of(p);

    if (IS_ERR(f))
        return PTR_ERR(f);
    *out = f->path;
    path_get(out);
    file_put(f);
    return 0;
}
