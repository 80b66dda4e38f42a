/* See warm_file.h.
 *
 * What is unpacked or copied is checked then, frame by frame, before anything of a frame is used.
 * A small file is checked whole all the same: so no damage is found late, and it costs little.
 *
 * A file is mapped if nobody but the caller and root may write to it: they could change what
 * they run in any case.  Others' files are copied into memory.
 *
 * A file that was checked whole is remembered in the runtime directory, as
 *     .checked/DEVICE-INODE      size, times of change, root digest
 * and need not be read again until one of these is another, so that it is mapped without
 * having been read.  Times are no use for what was changed just now, so that is not remembered.
 */
#define _GNU_SOURCE
#include "warm_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "runtime.h"

enum { TEXT_MAX = 256, SETTLED_S = 2, SMALL = 16 << 20 };

static bool mappable(int fd, struct stat *st)
{
    struct statvfs fs;

    return fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && fstat(fd, st) == 0 &&
           S_ISREG(st->st_mode) && (st->st_uid == geteuid() || st->st_uid == 0) &&
           !(st->st_mode & (S_IWGRP | S_IWOTH)) && fstatvfs(fd, &fs) == 0 &&
           !(fs.f_flag & ST_NOEXEC);
}

/* What there is to remember. */
static void describe(char text[TEXT_MAX], const struct stat *st, const struct snapshot_info *info)
{
    int n = snprintf(text, TEXT_MAX, "%lld %lld.%09ld %lld.%09ld ", (long long)st->st_size,
                     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                     (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);

    for (size_t i = 0; i < sizeof(info->digest); i++)
        n += snprintf(text + n, TEXT_MAX - (size_t)n, "%02x", info->digest[i]);
}

/* "" if there is nowhere to remember. */
static void note_path(char *path, size_t size, const struct stat *st)
{
    char top[4096], dir[4200];
    struct stat own;

    *path = 0;
    runtime_directory(top, sizeof(top));
    if (!*top || lstat(top, &own) < 0 || own.st_uid != geteuid() || (own.st_mode & 077))
        return;
    snprintf(dir, sizeof(dir), "%s/.checked", top);
    mkdir(dir, 0700);
    snprintf(path, size, "%s/%llx-%llx", dir, (unsigned long long)st->st_dev,
             (unsigned long long)st->st_ino);
}

static bool remembered(const char *path, const char *text)
{
    char found[TEXT_MAX] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, found, sizeof(found) - 1);
    close(fd);
    return n > 0 && strcmp(found, text) == 0;
}

/* Half a note would be none that fits. */
static void remember(const char *path, const char *text, const struct stat *st)
{
    if (time(NULL) - st->st_ctim.tv_sec < SETTLED_S)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0)
        unlink(path);
    close(fd);
}

int warm_file_check(struct memory_base *b, struct snapshot_error *err)
{
    struct stat st;
    char text[TEXT_MAX], path[4300];

    b->in_file = mappable(snapshot_warm_fd(b->reader), &st);
    if (!b->in_file)
        return snapshot_info(b->reader)->size_with_bases < SMALL ? snapshot_check(b->reader, err)
                                                                 : 0;
    describe(text, &st, snapshot_info(b->reader));
    note_path(path, sizeof(path), &st);
    if (*path && remembered(path, text))
        return 0;
    if (snapshot_check(b->reader, err))
        return -1;
    if (*path)
        remember(path, text, &st);
    return 0;
}
