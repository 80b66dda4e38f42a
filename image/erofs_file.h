/* An image file, read outside: what is in it and whether it makes sense.
 *
 * Images come from elsewhere and may change while they are read: everything is read by
 * pread, once, and checked.
 *
 * A layered image is opened with what it holds itself; until its devices are added, what
 * lies in them is beyond its end.  image_open (open.h) finds and adds them.
 */
#ifndef BAILEY_IMAGE_EROFS_FILE_H
#define BAILEY_IMAGE_EROFS_FILE_H

#include "../abi/erofs.h"
#include <stdbool.h>
#include <stddef.h>

#include "digest.h"
#include "error.h"

struct erofs_part {
    int fd;              /* -1: a device that was not added */
    uint64_t start, end; /* which bytes of the image lie in it, from its byte 0 on */
    char digest[DIGEST_TEXT];
};

struct erofs_file {
    int fd;
    const char *shown;  /* name for messages, borrowed */
    uint64_t file_size; /* bytes of the file, */
    uint64_t own_size;  /* of the file system in it, */
    uint64_t size;      /* of that with the devices that were added */
    uint32_t part_count;
    struct erofs_part parts[1 + EROFS_DEVICES_MAX]; /* the file itself (no digest), devices */
    uint64_t meta, shared_xattrs;
    struct erofs_super super;
};

/* Opens and checks the superblock and the table of devices. */
int erofs_file_open(struct erofs_file *f, const char *path, struct image_error *err);
/* Adds device number n, in order, 1 the first.  That it is the one meant is not checked. */
int erofs_file_add(struct erofs_file *f, uint32_t n, const char *path, struct image_error *err);
/* The part in which a byte of the image lies. */
uint32_t erofs_file_part(const struct erofs_file *f, uint64_t at);
void erofs_file_close(struct erofs_file *f);
/* n bytes of the file system. */
int erofs_file_read(const struct erofs_file *f, uint64_t at, void *to, size_t n,
                    struct image_error *err);
int erofs_file_bad(const struct erofs_file *f, const char *what, struct image_error *err);
/* The configuration as JSON text (allocated), NULL if it has none. */
int erofs_file_config(const struct erofs_file *f, char **config, struct image_error *err);

/* An inode, checked: where its data lies is within the file system. */
struct erofs_inode {
    uint32_t mode, uid, gid, rdev;
    int64_t mtime;
    uint32_t mtime_ns;
    uint32_t layout;
    uint64_t data, tail; /* bytes of the blocks, and of what lies behind the inode */
    uint64_t size;
    uint64_t xattrs;
    uint32_t xattrs_size;
};
int erofs_file_inode(const struct erofs_file *f, uint64_t nid, struct erofs_inode *i,
                     struct image_error *err);
/* n bytes of its data from `off` on, which lie within its size. */
int erofs_data_read(const struct erofs_file *f, const struct erofs_inode *i, uint64_t off, void *to,
                    size_t n, struct image_error *err);
/* Calls take for each entry but "." and ".." (names without NUL and '/', not terminated)
 * until it returns something else than 0, which is then the result. */
int erofs_dir_each(const struct erofs_file *f, const struct erofs_inode *dir,
                   int (*take)(void *context, const char *name, size_t len, uint64_t nid),
                   void *context, struct image_error *err);
/* A regular file by its path (symbolic links are not followed), at most `max` bytes, as
 * text with a NUL behind it (allocated); NULL if there is no such file. */
char *erofs_file_text(const struct erofs_file *f, const char *path, size_t max);

#endif
