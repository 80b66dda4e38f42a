/* The images of a user: files named by their digest, and tags that lead to them.
 *
 *   $XDG_DATA_HOME/bailey/images/          (default ~/.local/share)
 *     sha256/DIGEST.erofs                  an image, never changed
 *     tags/NAME                            symbolic link whose text is a digest
 *     seen/DEVICE-INODE                    "size mtime ctime digest" of a file that was read
 *                                          whole once: it need not be again
 * Everything appears by rename, so there is nothing to lock; what a crash may leave is a
 * temporary file, which `gc` removes.
 */
#ifndef BAILEY_IMAGE_STORE_H
#define BAILEY_IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "error.h"

#define STORE_PATH 4096
#define STORE_TAG  128

struct store {
    char path[STORE_PATH];
};

/* make: the directories come into being. */
int store_open(struct store *s, bool make, struct image_error *err);
bool store_tag_ok(const char *tag);

/* An image by tag, digest ("sha256:" before it or not, or at least 12 digits of it) or file
 * name (with a slash, or if there is no such tag): its path, and the digest if it is in the
 * store ("" for a file). */
int store_find(const struct store *s, const char *ref, char path[STORE_PATH],
               char digest[DIGEST_TEXT], struct image_error *err);
void store_image_path(const struct store *s, const char *digest, char path[STORE_PATH]);

/* Digest of an image file: from memory if the file was read before and has not changed
 * since (and `again` is false), else by reading it.  A file of the store that isn't what its
 * name says is refused. */
int store_digest(const struct store *s, const char *path, const char *expected, bool again,
                 char digest[DIGEST_TEXT], struct image_error *err);

/* A file of the store's directory that is going to be an image: where to write it, and taking
 * it in when it is complete (it is moved). */
void store_temporary(const struct store *s, char path[STORE_PATH]);
int store_take(const struct store *s, const char *file, char digest[DIGEST_TEXT],
               struct image_error *err);
/* A copy of the image file in the store, if it isn't there yet.  Its digest is known. */
int store_keep(const struct store *s, const char *file, const char *digest,
               struct image_error *err);
int store_set_tag(const struct store *s, const char *tag, const char *digest,
                  struct image_error *err);
int store_remove_tag(const struct store *s, const char *tag, struct image_error *err);
int store_remove(const struct store *s, const char *digest, struct image_error *err);

struct store_entry {
    char digest[DIGEST_TEXT];
    char tag[STORE_TAG]; /* "" if no tag leads to it */
    uint64_t size;       /* 0: the tag leads nowhere */
    int64_t time;
    char base[DIGEST_TEXT]; /* of a layer: what it was made on, else "" */
};
/* All tags, and the images without one; allocated. */
int store_list(const struct store *s, struct store_entry **list, size_t *count,
               struct image_error *err);
/* An image of the list that is made from the one of this digest; NULL: none is. */
const struct store_entry *store_made_from(const struct store *s, const struct store_entry *list,
                                          size_t count, const char *digest);
/* Removes images without a tag that none with one is made from, what crashes left, and what is
 * remembered of files that are gone; bytes freed. */
int store_gc(const struct store *s, uint64_t *images, uint64_t *bytes, struct image_error *err);

#endif
