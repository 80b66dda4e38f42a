/* Writing an image; see write.h.
 *
 * Layout: the superblock, the data of files in the order of their paths, whole blocks of
 * directories, then the inodes, each followed by its attributes and what is left of a
 * directory or a link's text; behind the file system's last block the configuration.
 * First everything gets its place, then it is written.  mkfs.erofs could do this, but not
 * keep owners without root, and not where it isn't installed.
 */
#include "write.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../abi/erofs.h"
#include "erofs_file.h"

#define BLOCK     ((uint64_t)EROFS_BLOCK)
#define INODE     sizeof(struct erofs_extended)
#define COPY_SIZE (1u << 20)

struct writer {
    struct tree *tree;
    const struct write_options *options;
    struct image_error *err;
    int fd;
    uint64_t next; /* next free data block */
    uint64_t meta; /* first block of the inodes */
    uint64_t end;  /* next free byte among the inodes */
    uint64_t inodes;
    uint64_t blocks; /* of the file system, without devices */
    uint8_t *bytes;  /* the inodes */
    uint8_t *buffer;
};

static uint64_t blocks(uint64_t size) { return (size + BLOCK - 1) / BLOCK; }

static void *must(struct writer *w, void *p)
{
    if (!p)
        image_fail(w->err, ENOMEM, "image");
    return p;
}

/* ---- sizes ------------------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    uint8_t space;
} spaces[] = {
    {"user.", EROFS_XATTR_USER},
    {"system.posix_acl_access", EROFS_XATTR_ACL_ACCESS},
    {"system.posix_acl_default", EROFS_XATTR_ACL_DEFAULT},
    {"trusted.", EROFS_XATTR_TRUSTED},
    {"security.", EROFS_XATTR_SECURITY},
};

/* Name space of an attribute, its name without the prefix in *rest; 0: not kept. */
static uint8_t space_of(const char *name, const char **rest)
{
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        size_t n = strlen(spaces[i].prefix);
        if (strncmp(name, spaces[i].prefix, n) != 0)
            continue;
        *rest = name + n;
        if (strlen(*rest) <= 255 && (spaces[i].prefix[n - 1] == '.') == (**rest != 0))
            return spaces[i].space;
    }
    return 0;
}

static size_t pair_size(const struct xattr_pair *x)
{
    const char *rest;

    if (!space_of(x->name, &rest) || x->size > UINT16_MAX)
        return 0;
    return (sizeof(struct erofs_xattr_entry) + strlen(rest) + x->size + 3) & ~3UL;
}

static size_t xattrs_size(const struct node *n)
{
    size_t size = 0;

    for (size_t i = 0; i < n->xattr_count; i++)
        size += pair_size(&n->xattrs[i]);
    return size ? size + sizeof(struct erofs_xattr_header) : 0;
}

/* Entries of a directory with "." and "..", in order. */
static struct tree_name *all_entries(struct writer *w, struct node *dir, size_t *count)
{
    struct tree_name dots[2] = {{".", dir}, {"..", dir->parent}};
    struct tree_name *list = must(w, malloc((dir->count + 2) * sizeof(*list)));
    size_t d = 0;

    *count = 0;
    for (size_t i = 0; list && i <= dir->count; i++) {
        while (d < 2 && (i == dir->count || strcmp(dots[d].name, dir->entries[i].name) < 0))
            list[(*count)++] = dots[d++];
        if (i < dir->count)
            list[(*count)++] = dir->entries[i];
    }
    return list;
}

/* How many of the entries from `first` on fit into a block; *used: its bytes. */
static size_t fill_block(const struct tree_name *list, size_t first, size_t count, size_t *used)
{
    size_t n = first;

    *used = 0;
    for (; n < count; n++) {
        size_t size = sizeof(struct erofs_dirent) + strlen(list[n].name);
        if (*used + size > BLOCK)
            break;
        *used += size;
    }
    return n - first;
}

static int dir_size(struct writer *w, struct node *dir)
{
    size_t count, used;
    struct tree_name *list = all_entries(w, dir, &count);

    if (!list)
        return -1;
    dir->size = 0;
    for (size_t at = 0; at < count;) {
        at += fill_block(list, at, count, &used);
        dir->size += at < count ? BLOCK : used;
    }
    free(list);
    return 0;
}

/* ---- places -------------------------------------------------------------------------------- */

/* What of a directory or link is kept behind its inode. */
static uint64_t tail_of(const struct node *n)
{
    uint64_t tail = S_ISREG(n->mode) ? 0 : n->size % BLOCK;

    return INODE + xattrs_size(n) + tail <= BLOCK ? tail : 0;
}

static uint64_t plain_blocks(const struct node *n) { return blocks(n->size - tail_of(n)); }

/* Number of the device the data of n lies in; 0: it is to be written. */
static uint32_t device_of(const struct writer *w, const struct node *n)
{
    const struct erofs_file *base = w->options->base;

    if (!base || n->source != SOURCE_FD || n->offset % BLOCK)
        return 0;
    for (uint32_t i = 0; i < base->part_count; i++)
        if (base->parts[i].fd == n->fd)
            return i + 1;
    return 0;
}

/* What the first block of a device is called; behind the last one: how many there are. */
static uint64_t device_start(const struct writer *w, uint32_t device)
{
    uint64_t start = w->blocks;

    for (uint32_t i = 0; i + 1 < device; i++)
        start += (w->options->base->parts[i].end - w->options->base->parts[i].start) / BLOCK;
    return start;
}

static int place_data(struct writer *w, struct node *n)
{
    if (S_ISDIR(n->mode) && dir_size(w, n) < 0)
        return -1;
    if (S_ISLNK(n->mode))
        n->size = strlen(n->target);
    else if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
        n->size = 0;
    n->data = 0;
    n->device = 0;
    if (!S_ISREG(n->mode) || !n->size)
        return 0;
    n->device = device_of(w, n);
    if (n->device)
        return 0;
    n->data = w->next;
    w->next += plain_blocks(n);
    return w->next > UINT32_MAX ? image_fail(w->err, 0, "image: larger than 16 TB") : 0;
}

static int place_inode(struct writer *w, struct node *n)
{
    uint64_t xattrs = xattrs_size(n), tail = tail_of(n), size = INODE + xattrs + tail;

    if (xattrs > UINT16_MAX * 4UL)
        return image_fail(w->err, 0, "image: extended attributes larger than 256 KB");
    if (!S_ISREG(n->mode) && n->size) {
        n->data = w->next;
        w->next += plain_blocks(n);
    }
    /* Neither an inode nor a tail lies over the end of a block. */
    uint64_t left = BLOCK - w->end % BLOCK;
    if (left < INODE || (tail && left < size))
        w->end += left;
    n->at = w->end;
    n->nid = n->at / EROFS_SLOT;
    w->end += (size + EROFS_SLOT - 1) & ~(uint64_t)(EROFS_SLOT - 1);
    w->inodes++;
    return 0;
}

/* Calls `step` once for every node, parents first, in the order of names. */
static int each(struct writer *w, struct node *n, bool mark,
                int (*step)(struct writer *w, struct node *n))
{
    if (n->placed == mark)
        return 0; /* by another name */
    n->placed = mark;
    if (step(w, n) < 0)
        return -1;
    for (size_t i = 0; i < n->count; i++)
        if (each(w, n->entries[i].node, mark, step) < 0)
            return -1;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int put(struct writer *w, const void *data, size_t size, uint64_t at)
{
    const uint8_t *p = data;

    while (size) {
        ssize_t n = pwrite(w->fd, p, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return image_fail(w->err, n < 0 ? errno : EIO, "writing the image");
        p += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static bool zeros(const uint8_t *p, size_t n) { return !*p && memcmp(p, p + 1, n - 1) == 0; }

static int copy_data(struct writer *w, const struct node *n, int fd, uint64_t from)
{
    for (uint64_t done = 0; done < n->size;) {
        size_t want = n->size - done < COPY_SIZE ? (size_t)(n->size - done) : COPY_SIZE;
        ssize_t got = pread(fd, w->buffer, want, (off_t)(from + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return image_fail(w->err, got < 0 ? errno : 0, "%s%s", n->path ? n->path : "contents",
                              got < 0 ? "" : ": it became shorter while it was read");
        if (!zeros(w->buffer, (size_t)got) &&
            put(w, w->buffer, (size_t)got, n->data * BLOCK + done) < 0)
            return -1;
        done += (uint64_t)got;
    }
    return 0;
}

static int write_data(struct writer *w, struct node *n)
{
    if (!S_ISREG(n->mode) || !n->size || n->source == SOURCE_NONE || n->device)
        return 0;
    if (n->source == SOURCE_FD)
        return copy_data(w, n, n->fd, n->offset);
    int fd = open(n->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return image_fail(w->err, errno, "%s", n->path);
    int rc = copy_data(w, n, fd, 0);
    close(fd);
    return rc;
}

static uint8_t type_of(uint32_t mode)
{
    static const uint8_t types[16] = {
        [8] = EROFS_TYPE_FILE,  [4] = EROFS_TYPE_DIR,  [2] = EROFS_TYPE_CHAR,
        [6] = EROFS_TYPE_BLOCK, [1] = EROFS_TYPE_FIFO, [12] = EROFS_TYPE_SOCKET,
        [10] = EROFS_TYPE_LINK,
    };
    return types[(mode & S_IFMT) >> 12];
}

/* Entries `first`.. of a directory as one block. */
static void pack_block(uint8_t *block, const struct tree_name *list, size_t count)
{
    size_t name_at = count * sizeof(struct erofs_dirent);

    for (size_t i = 0; i < count; i++) {
        struct erofs_dirent e = {.nid = list[i].node->nid,
                                 .name_at = (uint16_t)name_at,
                                 .type = type_of(list[i].node->mode)};
        size_t len = strlen(list[i].name);
        memcpy(block + i * sizeof(e), &e, sizeof(e));
        memcpy(block + name_at, list[i].name, len);
        name_at += len;
    }
}

/* The whole blocks go to the data, the rest to `tail`. */
static int write_dir(struct writer *w, struct node *dir, uint8_t *tail)
{
    size_t count, used, tail_size = tail_of(dir);
    struct tree_name *list = all_entries(w, dir, &count);
    uint64_t block = dir->data;
    int rc = list ? 0 : -1;

    for (size_t at = 0, n; at < count && rc == 0; at += n) {
        n = fill_block(list, at, count, &used);
        if (at + n == count && tail_size) {
            pack_block(tail, list + at, n);
            continue;
        }
        memset(w->buffer, 0, BLOCK);
        pack_block(w->buffer, list + at, n);
        rc = put(w, w->buffer, BLOCK, block++ * BLOCK);
    }
    free(list);
    return rc;
}

static void write_xattrs(const struct node *n, uint8_t *to)
{
    to += sizeof(struct erofs_xattr_header);
    for (size_t i = 0; i < n->xattr_count; i++) {
        const struct xattr_pair *x = &n->xattrs[i];
        size_t size = pair_size(x);
        const char *rest;
        if (!size)
            continue;
        struct erofs_xattr_entry e = {.space = space_of(x->name, &rest)};
        e.name_len = (uint8_t)strlen(rest);
        e.value_size = (uint16_t)x->size;
        memcpy(to, &e, sizeof(e));
        memcpy(to + sizeof(e), rest, e.name_len);
        memcpy(to + sizeof(e) + e.name_len, x->value, x->size);
        to += size;
    }
}

static uint32_t links(const struct node *n)
{
    uint32_t dirs = 2;

    if (!S_ISDIR(n->mode))
        return n->names;
    for (size_t i = 0; i < n->count; i++)
        dirs += S_ISDIR(n->entries[i].node->mode);
    return dirs;
}

static int write_inode(struct writer *w, struct node *n)
{
    size_t xattrs = xattrs_size(n), tail = tail_of(n);
    uint8_t *to = w->bytes + n->at;
    bool clamped = w->options->clamp && n->mtime >= w->options->epoch;
    struct erofs_extended d = {
        .format = (uint16_t)(1 | (tail ? EROFS_INLINE : EROFS_PLAIN) << 1),
        .xattr_count =
            (uint16_t)(xattrs ? (xattrs - sizeof(struct erofs_xattr_header)) / 4 + 1 : 0),
        .mode = (uint16_t)n->mode,
        .size = n->size,
        .block = (uint32_t)n->data,
        .ino = (uint32_t)(w->inodes++ + 1),
        .uid = n->uid,
        .gid = n->gid,
        .mtime = (uint64_t)(clamped ? w->options->epoch : n->mtime),
        .mtime_ns = clamped ? 0 : n->mtime_ns,
        .nlink = links(n),
    };
    if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
        d.block = n->rdev;
    if (n->device)
        d.block = (uint32_t)(device_start(w, n->device) + n->offset / BLOCK);
    memcpy(to, &d, sizeof(d));
    if (xattrs)
        write_xattrs(n, to + INODE);
    to += INODE + xattrs;
    if (S_ISDIR(n->mode))
        return write_dir(w, n, to);
    if (!S_ISLNK(n->mode) || !n->size)
        return 0;
    if (!tail)
        return put(w, n->target, n->size, n->data * BLOCK);
    memcpy(to, n->target, n->size);
    return 0;
}

static uint32_t crc32c(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;

    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* The UUID is made from what the image is: its inodes and its configuration. */
static void make_uuid(const struct writer *w, uint64_t size, uint8_t uuid[16])
{
    crypto_hash_sha256_state state;
    uint8_t digest[32];

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, w->bytes, size);
    if (w->options->config)
        crypto_hash_sha256_update(&state, (const uint8_t *)w->options->config,
                                  strlen(w->options->config));
    crypto_hash_sha256_final(&state, digest);
    memcpy(uuid, digest, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

#define DEVICE_SLOTS 16u /* the table stands in the second half of the first block */

static void put_devices(const struct writer *w, struct erofs_super *sb, uint8_t *block)
{
    const struct erofs_file *base = w->options->base;

    if (!base)
        return;
    sb->feature_incompat = EROFS_DEVICE_TABLE;
    sb->extra_devices = (uint16_t)base->part_count;
    sb->device_slots = DEVICE_SLOTS;
    for (uint32_t i = 0; i < base->part_count; i++) {
        const struct erofs_part *p = &base->parts[i];
        struct erofs_device d = {.blocks = (uint32_t)((p->end - p->start) / BLOCK),
                                 .start = (uint32_t)device_start(w, i + 1)};
        memcpy(d.digest, i ? p->digest : w->options->base_digest, sizeof(d.digest));
        memcpy(block + (DEVICE_SLOTS + i) * sizeof(d), &d, sizeof(d));
    }
}

static int write_super(struct writer *w, uint64_t meta_size)
{
    uint8_t block[EROFS_BLOCK] = {0};
    struct erofs_super sb = {
        .magic = EROFS_MAGIC,
        .feature_compat = 3, /* checksum; mtimes are mtimes */
        .block_bits = 12,
        .root_nid = (uint16_t)w->tree->root->nid,
        .inodes = w->inodes,
        .blocks = (uint32_t)w->blocks,
        .meta_block = (uint32_t)w->meta,
    };

    put_devices(w, &sb, block);
    make_uuid(w, meta_size, sb.uuid);
    memcpy(block + EROFS_SB_OFFSET, &sb, sizeof(sb));
    sb.checksum = crc32c(block + EROFS_SB_OFFSET, BLOCK - EROFS_SB_OFFSET);
    memcpy(block + EROFS_SB_OFFSET, &sb, sizeof(sb));
    return put(w, block, sizeof(block), 0);
}

static int write_trailer(struct writer *w, uint64_t at, uint64_t *size)
{
    const char *config = w->options->config;
    struct image_trailer trailer = {.config_at = at};

    *size = at;
    if (!config)
        return 0;
    trailer.config_size = strlen(config);
    memcpy(trailer.magic, IMAGE_TRAILER_MAGIC, sizeof(trailer.magic));
    *size += blocks(trailer.config_size + sizeof(trailer)) * BLOCK;
    if (put(w, config, trailer.config_size, at) < 0)
        return -1;
    return put(w, &trailer, sizeof(trailer), *size - sizeof(trailer));
}

static int write_inodes(struct writer *w, uint64_t size)
{
    uint8_t *bytes = must(w, calloc(1, size));

    if (!bytes)
        return -1;
    w->bytes = bytes;
    w->inodes = 0;
    int rc = each(w, w->tree->root, false, write_inode);
    if (rc == 0)
        rc = put(w, bytes, size, w->meta * BLOCK);
    if (rc == 0)
        rc = write_super(w, size);
    free(bytes);
    return rc;
}

static int write_all(struct writer *w, uint64_t *size)
{
    struct node *root = w->tree->root;

    w->next = 1;
    w->end = INODE; /* no nid is 0 */
    if (each(w, root, true, place_data) < 0 || each(w, root, false, write_data) < 0 ||
        each(w, root, true, place_inode) < 0)
        return -1;
    w->meta = w->next;
    uint64_t meta_size = blocks(w->end) * BLOCK;
    w->blocks = w->meta + blocks(w->end);
    uint32_t devices = w->options->base ? w->options->base->part_count : 0;
    if (device_start(w, devices + 1) > UINT32_MAX)
        return image_fail(w->err, 0, "image: larger than 16 TB");
    if (write_inodes(w, meta_size) < 0 || write_trailer(w, w->meta * BLOCK + meta_size, size) < 0)
        return -1;
    return ftruncate(w->fd, (off_t)*size) ? image_fail(w->err, errno, "writing the image") : 0;
}

static void unmark(struct node *n)
{
    n->placed = false;
    for (size_t i = 0; i < n->count; i++)
        unmark(n->entries[i].node);
}

int image_write(struct tree *t, int fd, const struct write_options *options, uint64_t *size,
                struct image_error *err)
{
    struct writer w = {.tree = t, .options = options, .err = err, .fd = fd};
    int rc = -1;

    unmark(t->root);
    w.buffer = must(&w, malloc(COPY_SIZE));
    if (w.buffer)
        rc = write_all(&w, size);
    free(w.buffer);
    return rc;
}
