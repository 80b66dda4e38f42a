/* The first tree of mounts, from what the monitor said in boot_info, and the first
 * process's place in it. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "dev.h"
#include "fs.h"
#include "ipc.h"
#include "lib.h"
#include "proc.h"
#include "tty.h"

static const char *boot_text(u32 offset) { return (const char *)SEG_BASE + offset; }

/* The name at `path` as a directory or an empty file, made if it isn't there. */
static long make_mountpoint(const char *path, bool file)
{
    struct name_target n;
    long rc = name_begin(&n, AT_FDCWD, path);

    if (rc)
        return rc;
    struct inode *dir = n.walk.path.dentry->inode;
    if (!n.d || n.d->inode)
        rc = 0;
    else if (file)
        rc = dir->ops->create ? dir->ops->create(dir, n.d, S_IFREG | 0644) : -EROFS;
    else
        rc = dir->ops->mkdir ? dir->ops->mkdir(dir, n.d, S_IFDIR | 0755) : -EROFS;
    name_end(&n);
    return rc;
}

/* Like mkdir -p; the last component may be a file. */
static long make_mountpoints(const char *path, bool file)
{
    char *part = kstrdup(path);
    long rc = 0;

    if (!part)
        return -ENOMEM;
    for (char *slash = strchr(part + 1, '/'); slash && rc == 0; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (slash[-1] != '\0' && slash != part + 1)
            rc = make_mountpoint(part, false);
        *slash = '/';
    }
    if (rc == 0)
        rc = make_mountpoint(part, file);
    kfree(part);
    return rc;
}

static long mount_here(struct super *s, const char *path, u32 flags, const char *source, bool file)
{
    struct path_s at;
    long rc = s && !IS_ERR(s) ? make_mountpoints(path, file) : -ENOMEM;

    if (rc == 0)
        rc = path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &at);
    if (rc == 0) {
        if (!mount_attach(s, &at, flags, source))
            rc = -ENOMEM;
        path_put(&at);
    }
    if (rc)
        klog("mount on %s: error %ld", path, -rc);
    return rc;
}

/* What lies below the root's changes: an image if the export is a file. */
static struct super *root_layer(const struct boot_mount *root)
{
    if (!(root->flags & BOOT_MOUNT_FILE))
        return hostfs_new(root->index, root->flags & BOOT_MOUNT_CACHE);
    struct super *s = erofs_new(root->index);
    if (IS_ERR(s))
        start_fail((int)-PTR_ERR(s), "image", boot_text(root->source));
    return s;
}

static void mount_root(struct boot_info *b)
{
    const struct boot_mount *root = NULL;

    for (u32 n = 0; n < b->nmounts && !root; n++) {
        if (b->mounts[n].flags & BOOT_MOUNT_ROOT)
            root = &b->mounts[n];
    }
    struct super *s = root ? root_layer(root) : tmpfs_new(0, 0755);
    if (s && !IS_ERR(s) && root)
        s = overlay_new(s);
    if (!s || IS_ERR(s) ||
        !mount_attach(s, NULL, MS_RELATIME, root ? boot_text(root->source) : "none"))
        panic("no root file system");
}

/* A directory below / that is about to be covered: whatever the base has there, nobody is
 * asked.  Each question saved is a round trip at every start. */
static void claim_name(const char *name)
{
    struct dentry *root = root_mount->root, *d = dentry_lookup(root, name, strlen(name));
    struct inode *dir = root->inode;

    if (!d) {
        lock(&dir->lock);
        d = dentry_alloc(root, name, strlen(name));
        if (d && dir->ops->mkdir(dir, d, S_IFDIR | 0755) == 0)
            dentry_hash(d);
        unlock(&dir->lock);
    }
    if (d)
        dentry_put(d);
}

/* The terminals the sandbox was started on keep their names. */
static void host_terminals(void)
{
    for (int n = 0; n < 3; n++) {
        const struct boot_stream *s = &boot()->stdio[n];

        if (s->handle >= 0 && s->type == HOST_TTY && s->rdev >> 8 >= 136 && s->rdev >> 8 <= 143)
            devpts_host_terminal(s->rdev);
    }
}

static void mount_system(void)
{
    static const char covered[][5] = {"proc", "sys", "dev", "tmp", "run"};
    const u32 safe = MS_NOSUID | MS_NODEV | MS_RELATIME;

    for (size_t n = 0; n < ARRAY_SIZE(covered); n++)
        claim_name(covered[n]);

    mount_here(procfs_new(), "/proc", safe | MS_NOEXEC, "proc", false);
    mount_here(sysfs_new(), "/sys", safe | MS_NOEXEC | MS_RDONLY, "sysfs", false);
    mount_here(cgroupfs_new(), "/sys/fs/cgroup", safe | MS_NOEXEC | MS_RDONLY, "cgroup", false);
    mount_here(devfs_new(), "/dev", MS_NOSUID | MS_RELATIME, "devtmpfs", false);
    host_terminals();
    mount_here(devpts(), "/dev/pts", MS_NOSUID | MS_NOEXEC | MS_RELATIME, "devpts", false);
    mount_here(tmpfs_new(0, 01777), "/dev/shm", safe, "tmpfs", false);
    mount_here(tmpfs_new(0, 01777), "/tmp", safe, "tmpfs", false);
    mount_here(tmpfs_new(0, 0755), "/run", safe, "tmpfs", false);
}

/* The working directory may lie below one of the mounts just made (a project in /tmp):
 * then it is shown there again, unless a volume does that. */
static void keep_cwd(const char *path, struct path_s *cwd)
{
    struct path_s now;

    if (path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &now) == 0) {
        path_put(&now);
    } else if (make_mountpoints(path, false) == 0 &&
               path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &now) == 0) {
        mount_attach_at(cwd->mnt->super, cwd->dentry, &now, MS_RELATIME, "workdir");
        path_put(&now);
    }
    path_put(cwd);
}

static void mount_volumes(struct boot_info *b)
{
    for (u32 n = 0; n < b->nmounts; n++) {
        const struct boot_mount *v = &b->mounts[n];
        if (v->flags & (BOOT_MOUNT_ROOT | BOOT_MOUNT_DEVICE))
            continue;
        u32 flags = MS_RELATIME | (v->flags & BOOT_MOUNT_READONLY ? MS_RDONLY : 0);
        const char *guest = boot_text(v->guest);
        struct super *s = hostfs_new(v->index, v->flags & BOOT_MOUNT_CACHE);
        if (s && !IS_ERR(s) && (v->flags & BOOT_MOUNT_OVERLAY)) {
            s = overlay_new(s);
            if (b->flags & BOOT_READ_ONLY) /* part of the base, not a volume */
                flags |= MS_RDONLY;
        }
        long rc = mount_here(s, guest, flags, boot_text(v->source), v->flags & BOOT_MOUNT_FILE);
        if (rc)
            start_fail((int)-rc, "volume", guest);
    }
}

/* A file of ours over the base's, also where that is a link to a place that isn't here. */
static void cover_file(const char *path, const char *own, const char *text)
{
    struct file *f = file_open(AT_FDCWD, own, O_WRONLY | O_CREAT, 0644, 0);
    struct path_s from = {NULL, NULL}, at;
    struct name_target n;
    struct uio u;
    struct iov v;
    u64 pos = 0;

    if (IS_ERR(f))
        return;
    uio_init(&u, &v, (uptr)text, strlen(text), true);
    f->ops->write(f, &u, &pos);
    file_put(f);
    if (path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &at) == 0) {
        path_put(&at);
    } else if (name_begin(&n, AT_FDCWD, path) == 0) {
        struct inode *dir = n.walk.path.dentry->inode;

        if (n.d && n.d->inode && dir->ops->unlink && dir->ops->unlink(dir, n.d) == 0)
            dentry_unhash(n.d);
        name_end(&n);
    }
    if (make_mountpoints(path, true) == 0 && path_lookup(AT_FDCWD, own, 0, &from) == 0 &&
        path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &at) == 0) {
        mount_attach_at(from.mnt->super, from.dentry, &at, MS_RELATIME, "tmpfs");
        path_put(&at);
    }
    if (from.dentry)
        path_put(&from);
}

/* With a network: who answers for names, and no names of the host's. */
static void mount_network(struct boot_info *b)
{
    const char *name = boot_text(b->hostname);
    u32 a = b->net_address ? b->net_address : HOST_OWN_4;
    char text[512];

    if (!b->net_flags)
        return;
    snprintf(text, sizeof(text),
             "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
             "192.0.0.8\thost-loopback\n%u.%u.%u.%u\t%s\n",
             a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, name);
    cover_file("/etc/hosts", "/run/hosts", text);
    if (b->net_flags & BOOT_NET_RESOLVER)
        cover_file("/etc/resolv.conf", "/run/resolv.conf",
                   "nameserver 127.0.0.53\noptions edns0\n");
}

static void open_stdio(struct boot_info *b)
{
    for (int n = 0; n < 3; n++) {
        if (b->stdio[n].handle < 0)
            continue;
        struct file *f = hostio_file_new(&b->stdio[n]);
        if (!IS_ERR(f))
            tty_attach(f);
        if (!IS_ERR(f) && fd_install_at(f, n, false) < 0)
            file_put(f);
    }
}

static void enter_cwd(struct boot_info *b)
{
    const char *cwd = b->cwd ? boot_text(b->cwd) : "/";
    struct path_s p;
    long rc = path_lookup(AT_FDCWD, cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

    if (rc)
        start_fail((int)-rc, "working directory", cwd);
    fs_set_cwd(&p);
    path_put(&p);
}

/* Mount points are made with all rights, whoever the program runs as. */
void fs_init(void)
{
    struct boot_info *b = boot();
    struct process *p = current()->proc;
    struct cred *c = &current()->cred;
    struct cred own = *c;
    struct path_s cwd = {NULL, NULL};

    c->fsuid = c->fsgid = 0;
    c->cap_effective = ~0ULL;
    mount_root(b);
    p->fs = fs_ctx_new();
    if (!p->fs)
        panic("no memory for the root directory");
    if (b->cwd && path_lookup(AT_FDCWD, boot_text(b->cwd), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &cwd))
        cwd.dentry = NULL;
    mount_system();
    mount_network(b);
    mount_volumes(b);
    if (cwd.dentry)
        keep_cwd(boot_text(b->cwd), &cwd);
    if (b->flags & BOOT_READ_ONLY)
        root_mount->flags |= MS_RDONLY;
    *c = own;
    p->fs->umask = b->umask & 0777;
    enter_cwd(b);
    open_stdio(b);
}
