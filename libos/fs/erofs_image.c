/* Superblock, inodes and data of a mapped EROFS image; see erofs_image.h. */
#include "erofs_image.h"

#include <linux/errno.h>
#include <linux/stat.h>

#include "lib.h"
#include "usercopy.h"

#define NS 1000000000LL

long erofs_copy(const struct erofs_image *im, u64 at, void *to, size_t n)
{
    if (at > im->size || n > im->size - at)
        return -EUCLEAN;
    return mapped_copy(to, im->base + at, n) ? -EIO : 0;
}

/* Seconds as the format has them, kept to what fits in ns. */
static s64 time_of(u64 seconds, u32 ns)
{
    const s64 limit = 0x7fffffffffffffffLL / NS - 1;
    s64 s = (s64)seconds;

    s = s > limit ? limit : s < -limit ? -limit : s;
    return s * NS + ns % NS;
}

/* Block numbers must go on from part to part without a gap: all is mapped then. */
static long read_devices(struct erofs_image *im, const struct erofs_super *sb)
{
    u32 count = sb->feature_incompat & EROFS_DEVICE_TABLE ? sb->extra_devices : 0;
    u64 own = im->size;

    if (count > EROFS_DEVICES_MAX)
        return -EOPNOTSUPP;
    im->parts[0] = (struct erofs_part){0, own};
    im->part_count = 1;
    for (u32 n = 0; n < count; n++) {
        struct erofs_device d;
        u64 at = (u64)sb->device_slots * EROFS_DEVICE_SIZE + n * sizeof(d), end = im->size;
        if (at > own || sizeof(d) > own - at)
            return -EUCLEAN;
        if (mapped_copy(&d, im->base + at, sizeof(d)))
            return -EIO;
        if ((u64)d.start * EROFS_BLOCK != end || !d.blocks)
            return -EUCLEAN;
        im->size = end + (u64)d.blocks * EROFS_BLOCK;
        im->parts[im->part_count++] = (struct erofs_part){end, im->size};
    }
    return 0;
}

u32 erofs_part_of(const struct erofs_image *im, u64 at)
{
    u32 n = 0;

    while (n + 1 < im->part_count && at >= im->parts[n].end)
        n++;
    return n;
}

long erofs_image_open(struct erofs_image *im, const void *base, u64 size)
{
    struct erofs_super sb;
    long rc;

    *im = (struct erofs_image){.base = base, .size = size};
    rc = erofs_copy(im, EROFS_SB_OFFSET, &sb, sizeof(sb));
    if (rc)
        return rc == -EUCLEAN ? -EINVAL : rc;
    if (sb.magic != EROFS_MAGIC)
        return -EINVAL;
    if (sb.block_bits != 12 || sb.feature_incompat & ~EROFS_DEVICE_TABLE || sb.dir_block_bits)
        return -EOPNOTSUPP;
    if ((u64)sb.blocks * EROFS_BLOCK > size || !sb.blocks)
        return -EUCLEAN;
    im->size = (u64)sb.blocks * EROFS_BLOCK;
    im->meta = (u64)sb.meta_block * EROFS_BLOCK;
    im->shared_xattrs = (u64)sb.xattr_block * EROFS_BLOCK;
    im->root = sb.root_nid;
    im->build_time = time_of(sb.build_time, sb.build_time_ns);
    im->inodes = sb.inodes;
    return im->meta < im->size ? read_devices(im, &sb) : -EUCLEAN;
}

/* ---- inodes --------------------------------------------------------------------------- */

static void take_compact(const struct erofs_image *im, struct erofs_inode *i,
                         const struct erofs_compact *d)
{
    i->mode = d->mode;
    i->nlink = d->nlink;
    i->uid = d->uid;
    i->gid = d->gid;
    i->size = d->size;
    i->rdev = d->block;
    i->mtime = im->build_time;
}

static void take_extended(struct erofs_inode *i, const struct erofs_extended *d)
{
    i->mode = d->mode;
    i->nlink = d->nlink;
    i->uid = d->uid;
    i->gid = d->gid;
    i->size = d->size;
    i->rdev = d->block;
    i->mtime = time_of(d->mtime, d->mtime_ns);
}

static bool has_data(u32 mode) { return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode); }

static bool known_type(u32 mode)
{
    return has_data(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

/* Where the data lies; `end` is the first byte behind inode and attributes. */
static long place_data(const struct erofs_image *im, struct erofs_inode *i, u32 layout, u64 end)
{
    i->split = i->size;
    if (!has_data(i->mode) || i->size == 0) {
        i->size = has_data(i->mode) ? i->size : 0;
        i->split = i->size;
        return 0;
    }
    if (layout != EROFS_PLAIN && layout != EROFS_INLINE)
        return -EOPNOTSUPP;
    if (i->size > im->size || (S_ISLNK(i->mode) && i->size >= EROFS_BLOCK))
        return -EUCLEAN;
    i->data = (u64)i->rdev * EROFS_BLOCK;
    if (layout == EROFS_INLINE) {
        i->split = i->size & ~(u64)(EROFS_BLOCK - 1);
        i->tail = end;
        if (end > im->size || end % EROFS_BLOCK + (i->size - i->split) > EROFS_BLOCK)
            return -EUCLEAN;
    }
    if (!i->split)
        return 0;
    u64 part_end = im->parts[erofs_part_of(im, i->data)].end;
    return i->data < part_end && i->split <= part_end - i->data ? 0 : -EUCLEAN;
}

long erofs_inode_read(const struct erofs_image *im, u64 nid, struct erofs_inode *i)
{
    union {
        struct erofs_compact compact;
        struct erofs_extended extended;
    } d;
    u64 at = im->meta + nid * EROFS_SLOT, end;
    long rc;

    if (nid > im->size / EROFS_SLOT)
        return -EUCLEAN;
    rc = erofs_copy(im, at, &d.compact, sizeof(d.compact));
    if (rc)
        return rc;
    u16 format = d.compact.format;
    u32 head = sizeof(d.compact);
    *i = (struct erofs_inode){.nid = nid};
    if (format & 1) {
        head = sizeof(d.extended);
        rc = erofs_copy(im, at, &d.extended, sizeof(d.extended));
        if (rc)
            return rc;
        take_extended(i, &d.extended);
    } else {
        take_compact(im, i, &d.compact);
    }
    end = at + head;
    if (d.compact.xattr_count) {
        i->xattrs = end;
        i->xattrs_size = sizeof(struct erofs_xattr_header) + 4 * (d.compact.xattr_count - 1U);
        end += i->xattrs_size;
    }
    if (format >> 4 || !known_type(i->mode) || end > im->size)
        return -EUCLEAN;
    rc = place_data(im, i, format >> 1, end);
    if (!has_data(i->mode))
        return rc;
    i->rdev = 0;
    return rc;
}

/* ---- data ----------------------------------------------------------------------------- */

u64 erofs_data(const struct erofs_inode *i, u64 off, u64 *run)
{
    if (off < i->split) {
        *run = i->split - off;
        return i->data + off;
    }
    *run = i->size - off;
    return i->tail + (off - i->split);
}

long erofs_file_copy(const struct erofs_image *im, const struct erofs_inode *i, u64 off, void *to,
                     size_t n)
{
    if (off > i->size || n > i->size - off)
        return -EUCLEAN;
    while (n) {
        u64 run, at = erofs_data(i, off, &run);
        size_t part = MIN(n, run);
        long rc = erofs_copy(im, at, to, part);
        if (rc)
            return rc;
        to = (u8 *)to + part;
        off += part;
        n -= part;
    }
    return 0;
}
