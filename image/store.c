/* The store's places: finding images, tags, taking images in; see store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs_file.h"
#include "file.h"

#define PREFIX_MIN 12

static const char hex[] = "0123456789abcdef";

/* ---- directories --------------------------------------------------------------------------- */

/* Like mkdir -p, for the user only. */
static int make_directories(char *path, struct image_error *err)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = 0;
        int rc = mkdir(path, 0700);
        int why = errno;
        struct stat st;
        if (rc < 0 && why != EEXIST && stat(path, &st) < 0)
            return image_fail(err, why, "%s", path);
        if (!slash)
            return 0;
        *slash = '/';
    }
}

int store_open(struct store *s, bool make, struct image_error *err)
{
    static const char *const parts[] = {"sha256", "tags", "seen"};
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char part[STORE_PATH];
    int n;

    if (data && *data == '/')
        n = snprintf(s->path, sizeof(s->path), "%s/bailey/images", data);
    else if (home && *home == '/')
        n = snprintf(s->path, sizeof(s->path), "%s/.local/share/bailey/images", home);
    else
        return image_fail(err, 0, "image store: neither XDG_DATA_HOME nor HOME says where it is");
    if (n > STORE_PATH - 200)
        return image_fail(err, ENAMETOOLONG, "image store");
    for (size_t i = 0; make && i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(part, sizeof(part), "%.3800s/%s", s->path, parts[i]);
        if (make_directories(part, err) < 0)
            return -1;
    }
    return 0;
}

void store_image_path(const struct store *s, const char *digest, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%.3800s/sha256/%s.erofs", s->path, digest);
}

static void tag_path(const struct store *s, const char *tag, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%.3800s/tags/%s", s->path, tag);
}

void store_temporary(const struct store *s, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%.3800s/sha256/new-%d", s->path, (int)getpid());
}

bool store_tag_ok(const char *tag)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.:-";

    return *tag && *tag != '.' && *tag != '-' && strlen(tag) < STORE_TAG &&
           !tag[strspn(tag, allowed)] && !digest_is(tag) && strncmp(tag, "sha256:", 7) != 0;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

/* Digest a tag leads to. */
static bool read_tag(const struct store *s, const char *tag, char digest[DIGEST_TEXT])
{
    char path[STORE_PATH];

    if (!store_tag_ok(tag))
        return false;
    tag_path(s, tag, path);
    ssize_t n = readlink(path, digest, DIGEST_TEXT);
    if (n != DIGEST_TEXT - 1)
        return false;
    digest[n] = 0;
    return digest_is(digest);
}

/* The one image whose digest begins so. */
static bool complete_digest(const struct store *s, const char *start, char digest[DIGEST_TEXT])
{
    struct store_entry *list;
    struct image_error ignored;
    size_t count, found = 0;

    if (strlen(start) < PREFIX_MIN || start[strspn(start, hex)] ||
        store_list(s, &list, &count, &ignored) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(list[i].digest, start, strlen(start)) != 0 || !list[i].size)
            continue;
        found += !found || strcmp(digest, list[i].digest) != 0;
        strcpy(digest, list[i].digest);
    }
    free(list);
    return found == 1;
}

static bool find_in_store(const struct store *s, const char *ref, char digest[DIGEST_TEXT])
{
    const char *start = strncmp(ref, "sha256:", 7) == 0 ? ref + 7 : ref;

    if (read_tag(s, ref, digest))
        return true;
    if (digest_is(start)) {
        strcpy(digest, start);
        return true;
    }
    return complete_digest(s, start, digest);
}

int store_find(const struct store *s, const char *ref, char path[STORE_PATH],
               char digest[DIGEST_TEXT], struct image_error *err)
{
    *digest = 0;
    if (strlen(ref) >= STORE_PATH)
        return image_fail(err, ENAMETOOLONG, "image %.40s...", ref);
    if (!strchr(ref, '/') && find_in_store(s, ref, digest)) {
        store_image_path(s, digest, path);
        if (access(path, R_OK) == 0)
            return 0;
        image_fail(err, errno, "image %s", ref);
        return image_hint(err, "bailey image import FILE brings it back");
    }
    strcpy(path, ref);
    if (access(path, F_OK) == 0)
        return 0;
    image_fail(err, 0, "image %s: no such image, and no such file", ref);
    return image_hint(err, "bailey image ls shows what there is");
}

/* ---- what was read before -----------------------------------------------------------------------
 */

static void seen_path(const struct store *s, const struct stat *st, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%.3800s/seen/%llx-%llx", s->path, (unsigned long long)st->st_dev,
             (unsigned long long)st->st_ino);
}

/* What identifies the contents of a file as long as nobody sets clocks back. */
static void seen_text(const struct stat *st, char *text, size_t size)
{
    snprintf(text, size, "%lld %lld.%09ld %lld.%09ld ", (long long)st->st_size,
             (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
             st->st_ctim.tv_nsec);
}

static bool recall(const struct store *s, const struct stat *st, char digest[DIGEST_TEXT])
{
    char path[STORE_PATH], want[128], text[256] = "";

    seen_path(s, st, path);
    seen_text(st, want, sizeof(want));
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    if (n != (ssize_t)(strlen(want) + DIGEST_TEXT - 1) || strncmp(text, want, strlen(want)) != 0)
        return false;
    strcpy(digest, text + strlen(want));
    return digest_is(digest);
}

/* Kept as the text of a symbolic link: it appears whole or not at all.  Nothing depends on
 * its success. */
static void remember(const struct store *s, const struct stat *st, const char *digest)
{
    char path[STORE_PATH], temporary[STORE_PATH], text[256];

    seen_path(s, st, path);
    seen_text(st, text, sizeof(text));
    strcat(text, digest);
    snprintf(temporary, sizeof(temporary), "%.3800s/seen/new-%d", s->path, (int)getpid());
    unlink(temporary);
    if (symlink(text, temporary) == 0 && rename(temporary, path) < 0)
        unlink(temporary);
}

int store_digest(const struct store *s, const char *path, const char *expected, bool again,
                 char digest[DIGEST_TEXT], struct image_error *err)
{
    struct stat before, after;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &before) < 0) {
        image_fail(err, errno, "image %s", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int rc = 0;
    if (again || !recall(s, &before, digest)) {
        rc = digest_file(fd, digest);
        if (rc == 0 && fstat(fd, &after) == 0 && after.st_size == before.st_size &&
            memcmp(&after.st_ctim, &before.st_ctim, sizeof(after.st_ctim)) == 0)
            remember(s, &before, digest);
    }
    close(fd);
    if (rc)
        return image_fail(err, -rc, "image %s", path);
    if (!expected || !*expected || strcmp(expected, digest) == 0)
        return 0;
    image_fail(err, 0, "image %s: its contents have changed", path);
    return image_hint(err, "bailey image rm it, and build or import it again");
}

/* ---- changing ----------------------------------------------------------------------------------
 */

int store_take(const struct store *s, const char *file, char digest[DIGEST_TEXT],
               struct image_error *err)
{
    struct erofs_file f;
    char path[STORE_PATH];

    if (erofs_file_open(&f, file, err) < 0)
        return -1;
    erofs_file_close(&f);
    if (chmod(file, 0444) < 0)
        return image_fail(err, errno, "%s", file);
    if (store_digest(s, file, NULL, true, digest, err) < 0)
        return -1;
    store_image_path(s, digest, path);
    if (rename(file, path) < 0)
        return image_fail(err, errno, "%s", path);
    return store_digest(s, path, NULL, false, digest, err); /* a rename changes ctime */
}

int store_keep(const struct store *s, const char *file, const char *digest, struct image_error *err)
{
    char path[STORE_PATH], copy[STORE_PATH], found[DIGEST_TEXT];

    store_image_path(s, digest, path);
    if (access(path, F_OK) == 0)
        return 0;
    store_temporary(s, copy);
    int rc = copy_to_new_file(file, copy, err);
    if (rc == 0)
        rc = store_take(s, copy, found, err);
    if (rc == 0 && strcmp(found, digest) != 0)
        rc = image_fail(err, 0, "image %s: its contents have changed", file);
    if (rc < 0)
        unlink(copy);
    return rc;
}

int store_set_tag(const struct store *s, const char *tag, const char *digest,
                  struct image_error *err)
{
    char path[STORE_PATH], temporary[STORE_PATH];

    if (!store_tag_ok(tag)) {
        image_fail(err, 0, "'%s' is no name for an image", tag);
        return image_hint(err, "use letters, digits, _ . : -");
    }
    tag_path(s, tag, path);
    snprintf(temporary, sizeof(temporary), "%.3800s/tags/.new-%d", s->path, (int)getpid());
    unlink(temporary);
    if (symlink(digest, temporary) < 0 || rename(temporary, path) < 0)
        return image_fail(err, errno, "%s", path);
    return 0;
}

int store_remove_tag(const struct store *s, const char *tag, struct image_error *err)
{
    char path[STORE_PATH], digest[DIGEST_TEXT];

    if (!read_tag(s, tag, digest))
        return 1;
    tag_path(s, tag, path);
    return unlink(path) < 0 ? image_fail(err, errno, "%s", path) : 0;
}

int store_remove(const struct store *s, const char *digest, struct image_error *err)
{
    char path[STORE_PATH];

    store_image_path(s, digest, path);
    return unlink(path) < 0 ? image_fail(err, errno, "image %s", digest) : 0;
}
