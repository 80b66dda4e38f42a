#include "erofs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1u << 20)

int erofs_file_bad(const struct erofs_file *f, const char *what, struct image_error *err)
{
    image_fail(err, 0, "image %s: %s", f->shown, what);
    return image_hint(err, "it is damaged, or no image");
}

static int read_at(const struct erofs_file *f, int fd, uint64_t at, void *to, size_t n,
                   struct image_error *err)
{
    for (uint8_t *p = to; n;) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return image_fail(err, errno, "image %s", f->shown);
        if (got == 0)
            return erofs_file_bad(f, "it ends too early", err);
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

int erofs_file_read(const struct erofs_file *f, uint64_t at, void *to, size_t n,
                    struct image_error *err)
{
    if (at > f->size || n > f->size - at)
        return erofs_file_bad(f, "something in it lies beyond its end", err);
    for (uint8_t *p = to; n;) {
        const struct erofs_part *part = &f->parts[erofs_file_part(f, at)];
        size_t here = n < part->end - at ? n : (size_t)(part->end - at);
        if (read_at(f, part->fd, at - part->start, p, here, err) < 0)
            return -1;
        p += here;
        at += here;
        n -= here;
    }
    return 0;
}

uint32_t erofs_file_part(const struct erofs_file *f, uint64_t at)
{
    uint32_t n = 0;

    while (n + 1 < f->part_count && at >= f->parts[n].end)
        n++;
    return n;
}

/* Block numbers go on from device to device without a gap, as inside. */
static int read_devices(struct erofs_file *f, struct image_error *err)
{
    uint32_t count = f->super.feature_incompat & EROFS_DEVICE_TABLE ? f->super.extra_devices : 0;
    uint64_t at = (uint64_t)f->super.device_slots * EROFS_DEVICE_SIZE, end = f->own_size;

    f->parts[0] = (struct erofs_part){.fd = f->fd, .end = end};
    f->part_count = 1;
    if (count > EROFS_DEVICES_MAX)
        return erofs_file_bad(f, "more layers than can be", err);
    for (uint32_t n = 0; n < count; n++) {
        struct erofs_part *p = &f->parts[n + 1];
        struct erofs_device d = {0};
        if (erofs_file_read(f, at + n * sizeof(d), &d, sizeof(d), err) < 0)
            return -1;
        memcpy(p->digest, d.digest, sizeof(d.digest));
        p->digest[sizeof(d.digest)] = 0;
        if (!digest_is(p->digest) || (uint64_t)d.start * EROFS_BLOCK != end || !d.blocks)
            return erofs_file_bad(f, "its table of layers makes no sense", err);
        p->fd = -1;
        p->start = end;
        p->end = end += (uint64_t)d.blocks * EROFS_BLOCK;
    }
    f->part_count += count;
    return 0;
}

int erofs_file_add(struct erofs_file *f, uint32_t n, const char *path, struct image_error *err)
{
    struct erofs_part *p = &f->parts[n];
    struct stat st;

    p->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (p->fd < 0 || fstat(p->fd, &st) < 0)
        return image_fail(err, errno, "image %s", path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < p->end - p->start)
        return erofs_file_bad(f, "a layer it stands on is smaller than it says", err);
    f->size = p->end;
    return 0;
}

static int check_super(struct erofs_file *f, struct image_error *err)
{
    const struct erofs_super *sb = &f->super;

    if (f->file_size < EROFS_BLOCK)
        return erofs_file_bad(f, "not an EROFS file system", err);
    if (read_at(f, f->fd, EROFS_SB_OFFSET, &f->super, sizeof(*sb), err) < 0)
        return -1;
    if (sb->magic != EROFS_MAGIC)
        return erofs_file_bad(f, "not an EROFS file system", err);
    if (sb->block_bits != 12 || sb->feature_incompat & ~EROFS_DEVICE_TABLE || sb->dir_block_bits) {
        image_fail(err, 0, "image %s: compressed, or of another kind not read here", f->shown);
        return image_hint(err, "bailey image build makes them, or mkfs.erofs -Enoinline_data");
    }
    f->size = f->own_size = (uint64_t)sb->blocks * EROFS_BLOCK;
    f->meta = (uint64_t)sb->meta_block * EROFS_BLOCK;
    f->shared_xattrs = (uint64_t)sb->xattr_block * EROFS_BLOCK;
    if (f->size > f->file_size)
        return erofs_file_bad(f, "it was cut short", err);
    if (f->meta >= f->size)
        return erofs_file_bad(f, "its superblock makes no sense", err);
    return read_devices(f, err);
}

int erofs_file_open(struct erofs_file *f, const char *path, struct image_error *err)
{
    struct stat st;

    *f = (struct erofs_file){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .shown = path};
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        return image_fail(err, errno, "image %s", path);
    f->file_size = (uint64_t)st.st_size;
    int rc = S_ISREG(st.st_mode) ? check_super(f, err)
                                 : image_fail(err, 0, "image %s: not a regular file", path);
    if (rc < 0)
        erofs_file_close(f);
    return rc;
}

void erofs_file_close(struct erofs_file *f)
{
    for (uint32_t n = 1; n < f->part_count; n++)
        if (f->parts[n].fd >= 0)
            close(f->parts[n].fd);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    f->part_count = 0;
}

int erofs_file_config(const struct erofs_file *f, char **config, struct image_error *err)
{
    struct image_trailer t;

    *config = NULL;
    if (f->file_size < f->own_size + sizeof(t))
        return 0;
    if (read_at(f, f->fd, f->file_size - sizeof(t), &t, sizeof(t), err) < 0)
        return -1;
    if (memcmp(t.magic, IMAGE_TRAILER_MAGIC, sizeof(t.magic)) != 0)
        return 0;
    if (t.config_size > CONFIG_MAX || t.config_at < f->own_size || t.config_at > f->file_size ||
        t.config_size > f->file_size - t.config_at)
        return erofs_file_bad(f, "its configuration makes no sense", err);
    char *text = malloc(t.config_size + 1);
    if (!text)
        return image_fail(err, ENOMEM, "image %s", f->shown);
    if (read_at(f, f->fd, t.config_at, text, t.config_size, err) < 0) {
        free(text);
        return -1;
    }
    text[t.config_size] = 0;
    *config = text;
    return 0;
}
