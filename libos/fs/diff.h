/* What a run changed, as lines or as a tar archive on a host stream.  fs/diff.c, diff_tar.c */
#ifndef LIBOS_FS_DIFF_H
#define LIBOS_FS_DIFF_H

#include "types.h"

struct inode;
struct mount;
struct diff_name;

struct diff_output {
    int handle;
    bool list; /* lines, not an archive */
    long error;
    char *buffer; /* DIFF_BUFFER bytes */
    size_t used;
    char *xattr;               /* room for an attribute's name and value */
    struct mount *mount;       /* the overlay in hand */
    char *prefix;              /* where it is mounted, "" for the root */
    struct diff_name **linked; /* archive: files of several names that are in it, by inode */
};
#define DIFF_BUFFER (256UL << 10)

/* Bytes to the stream; after an error nothing more. */
void diff_put(struct diff_output *o, const void *data, size_t n);
void diff_flush(struct diff_output *o);

/* An entry of the archive: a file of this kind of change; i NULL: a whiteout. */
void diff_tar_entry(struct diff_output *o, char kind, const char *name, struct inode *i);
void diff_tar_end(struct diff_output *o);
/* Before the first entry; 0 or -ENOMEM. */
long diff_tar_begin(struct diff_output *o);

#endif
