/* /proc/PID/{mounts,mountinfo,mountstats}: the mount table as text. */
#include <linux/errno.h>
#include <linux/mount.h>

#include "procfs.h"

#define MOUNT_ESCAPE " \t\n\\#"

static void flag_text(struct textbuf *b, u32 flags)
{
    text_add(b, flags & MS_RDONLY ? "ro" : "rw");
    if (flags & MS_NOSUID)
        text_add(b, ",nosuid");
    if (flags & MS_NODEV)
        text_add(b, ",nodev");
    if (flags & MS_NOEXEC)
        text_add(b, ",noexec");
    text_add(b, flags & MS_NOATIME ? ",noatime" : ",relatime");
}

/* Where m is mounted as the caller sees it, or NULL if outside its root. */
static const char *mount_place(struct mount *m, char *buf, size_t len)
{
    struct path_s at = {.mnt = m, .dentry = m->root};
    char *text = path_text(&at, buf, len);

    return IS_ERR(text) ? NULL : text;
}

static const char *source_of(const struct mount *m)
{
    return m->source && *m->source ? m->source : m->super->type;
}

static void mounts_line(struct textbuf *b, const struct mount *m, const char *place)
{
    text_escaped(b, source_of(m), MOUNT_ESCAPE);
    text_add(b, " ");
    text_escaped(b, place, MOUNT_ESCAPE);
    text_add(b, " %s ", m->super->type);
    flag_text(b, m->flags | m->super->flags);
    text_add(b, " 0 0\n");
}

static void mountinfo_line(struct textbuf *b, const struct mount *m, const char *place)
{
    u64 dev = m->super->dev;
    char root[512];
    char *text = m->root == m->super->root ? NULL : dentry_path(m->root, root, sizeof(root));

    text_add(b, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : 1, (u32)(dev >> 8 & 0xfff),
             (u32)((dev & 0xff) | (dev >> 12 & 0xfff00)));
    text_escaped(b, text && !IS_ERR(text) ? text : "/", MOUNT_ESCAPE);
    text_add(b, " ");
    text_escaped(b, place, MOUNT_ESCAPE);
    text_add(b, " ");
    flag_text(b, m->flags);
    text_add(b, " - %s ", m->super->type);
    text_escaped(b, source_of(m), MOUNT_ESCAPE);
    text_add(b, m->super->flags & MS_RDONLY ? " ro\n" : " rw\n");
}

static void mountstats_line(struct textbuf *b, const struct mount *m, const char *place)
{
    text_add(b, "device ");
    text_escaped(b, source_of(m), MOUNT_ESCAPE);
    text_add(b, " mounted on ");
    text_escaped(b, place, MOUNT_ESCAPE);
    text_add(b, " with fstype %s\n", m->super->type);
}

static long each_mount(const struct pseudo *p, struct textbuf *b,
                       void (*line)(struct textbuf *, const struct mount *, const char *))
{
    struct fs_ctx *fs = proc_fs(p); /* a zombie sees no mounts */
    char *buf;
    struct mount *m;

    if (!fs)
        return -EINVAL;
    fs_ctx_put(fs);
    buf = kmalloc(PATH_MAX_);
    if (!buf)
        return -ENOMEM;
    lock(&mount_lock);
    list_for_each(m, &mount_list, all)
    {
        const char *place = mount_place(m, buf, PATH_MAX_);

        if (place)
            line(b, m, place);
    }
    unlock(&mount_lock);
    kfree(buf);
    return 0;
}

long proc_show_mounts(const struct pseudo *p, struct textbuf *b)
{
    return each_mount(p, b, mounts_line);
}

long proc_show_mountinfo(const struct pseudo *p, struct textbuf *b)
{
    return each_mount(p, b, mountinfo_line);
}

long proc_show_mountstats(const struct pseudo *p, struct textbuf *b)
{
    return each_mount(p, b, mountstats_line);
}
