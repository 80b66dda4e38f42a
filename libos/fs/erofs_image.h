/* A mapped EROFS image, as bytes: every access is bounded.  fs/erofs_image.c, erofs_dir.c,
 * erofs_xattr.c
 *
 * The image is hostile: nothing in it is believed before it was checked, and nothing is
 * read twice.  Even its pages may be missing (the file was cut short after it was mapped),
 * so all reading goes through copies that end at a fault.  -EUCLEAN says that the image
 * makes no sense, -EIO that a page is missing.
 *
 * The devices of a layered image (abi/erofs.h) are mapped one behind the other, so that an
 * address in the image is one offset from `base`, whichever file it is of.
 */
#ifndef LIBOS_FS_EROFS_IMAGE_H
#define LIBOS_FS_EROFS_IMAGE_H

#include "../../abi/erofs.h"
#include "types.h"

struct erofs_part {
    u64 start, end; /* bytes from erofs_image->base */
};

struct erofs_image {
    const u8 *base;
    u64 size; /* of the file system with its devices, multiple of EROFS_BLOCK */
    u32 part_count;
    struct erofs_part parts[1 + EROFS_DEVICES_MAX]; /* the file itself first */
    u64 meta;                                       /* byte of nid 0 */
    u64 shared_xattrs;
    u64 root;
    s64 build_time; /* ns */
    u64 inodes;
};

struct erofs_inode {
    u64 nid;
    u32 mode, nlink, uid, gid, rdev;
    u64 size;
    s64 mtime; /* ns */
    u64 data;  /* byte of the blocks */
    u64 tail;  /* byte of the part behind the inode */
    u64 split; /* file offset where the tail begins; size if there is none */
    u64 xattrs;
    u32 xattrs_size;
};

/* `size` bytes of the file itself are mapped at `base`, and its devices will be before
 * anything else is asked.  0; -EINVAL: no EROFS; -EOPNOTSUPP: of a kind not read here;
 * -EUCLEAN: cut short. */
long erofs_image_open(struct erofs_image *im, const void *base, u64 size);
/* The part in which a byte of the image lies. */
u32 erofs_part_of(const struct erofs_image *im, u64 at);
/* Copies bytes of the image. */
long erofs_copy(const struct erofs_image *im, u64 at, void *to, size_t n);
long erofs_inode_read(const struct erofs_image *im, u64 nid, struct erofs_inode *i);
/* Where in the image byte `off` of the file lies, off < i->size, and how many follow it. */
u64 erofs_data(const struct erofs_inode *i, u64 off, u64 *run);
/* Copies bytes of the file, which must be within its size. */
long erofs_file_copy(const struct erofs_image *im, const struct erofs_inode *i, u64 off, void *to,
                     size_t n);

struct erofs_entry {
    u64 nid;
    u32 type, len; /* type as in getdents, 0: unknown */
    char name[EROFS_NAME_MAX + 1];
};
/* nid of a name, or -ENOENT. */
long erofs_find(const struct erofs_image *im, const struct erofs_inode *dir, const char *name,
                size_t len, u64 *nid);
/* The entry at *pos (0: the first), "." and ".." left out: 1, with *pos behind it; 0 at the
 * end. */
long erofs_next(const struct erofs_image *im, const struct erofs_inode *dir, u64 *pos,
                struct erofs_entry *e);

/* Value of an attribute by full name: its size (buf gets at most n bytes of it), -ENODATA;
 * -ERANGE if n is neither 0 nor enough. */
long erofs_xattr_get(const struct erofs_image *im, const struct erofs_inode *i, const char *name,
                     void *buf, size_t n);
/* Full name of attribute number n (0, 1 ...) into name, XATTR_TEXT bytes: 1, or 0 at the
 * end. */
#define XATTR_TEXT 288
long erofs_xattr_name(const struct erofs_image *im, const struct erofs_inode *i, u32 n, char *name);

#endif
