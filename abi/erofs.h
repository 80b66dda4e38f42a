/* The parts of the EROFS disk format that images use.
 *
 * Read by the library OS (libos/fs/erofs*.c) and written and read outside (image/), so it
 * stands here.  All numbers are little-endian.  A "nid" names an inode by its place: byte
 * meta_block * 4096 + nid * 32.  Only uncompressed files occur: their data lies in one
 * piece of whole blocks (EROFS_PLAIN), or all but its last partial block does and that
 * one follows the inode (EROFS_INLINE).
 *
 * A layered image holds the whole tree and only the data that is new; the rest of the data
 * stays in the images it was made from, which EROFS calls devices.  A table names them by
 * digest, and block numbers go on through them: first the image itself, then the blocks of
 * each device where those of the one before it end.
 *
 * Behind the last block the superblock counts may stand what EROFS knows nothing of: the
 * image's configuration, see struct image_trailer.
 */
#ifndef BAILEY_ABI_EROFS_H
#define BAILEY_ABI_EROFS_H

#include <stdint.h>

#define EROFS_BLOCK     4096u
#define EROFS_SLOT      32u /* unit of nids */
#define EROFS_SB_OFFSET 1024u
#define EROFS_MAGIC     0xe0f5e1e2u
#define EROFS_NAME_MAX  255u

struct erofs_super {
    uint32_t magic, checksum, feature_compat;
    uint8_t block_bits, ext_slots;
    uint16_t root_nid;
    uint64_t inodes;
    uint64_t build_time; /* mtime of compact inodes */
    uint32_t build_time_ns;
    uint32_t blocks;
    uint32_t meta_block;
    uint32_t xattr_block; /* of shared attributes */
    uint8_t uuid[16], volume_name[16];
    uint32_t feature_incompat;
    uint16_t compression;
    uint16_t extra_devices, device_slots;
    uint8_t dir_block_bits, xattr_prefixes;
    uint32_t xattr_prefix_start;
    uint64_t packed_nid;
    uint8_t reserved[24];
};
_Static_assert(sizeof(struct erofs_super) == 128, "superblock of EROFS");

#define EROFS_DEVICE_TABLE 8u /* feature_incompat: extra_devices counts */
#define EROFS_DEVICE_SIZE  128u
#define EROFS_DEVICES_MAX  15u

/* At byte device_slots * EROFS_DEVICE_SIZE, one for each device. */
struct erofs_device {
    char digest[64]; /* SHA-256 of the file, in hexadecimal digits; not terminated */
    uint32_t blocks; /* of its file system that belong to it */
    uint32_t start;  /* what its block 0 is called here */
    uint8_t reserved[56];
};
_Static_assert(sizeof(struct erofs_device) == EROFS_DEVICE_SIZE, "device slot of EROFS");

enum erofs_layout { EROFS_PLAIN = 0, EROFS_INLINE = 2 };

/* format: bit 0 says which of the two, bits 1-3 are the layout. */
struct erofs_compact {
    uint16_t format, xattr_count, mode, nlink;
    uint32_t size, reserved, block, ino;
    uint16_t uid, gid;
    uint32_t reserved2;
};
struct erofs_extended {
    uint16_t format, xattr_count, mode, reserved;
    uint64_t size;
    uint32_t block; /* first block of the data; of a device its number */
    uint32_t ino, uid, gid;
    uint64_t mtime;
    uint32_t mtime_ns, nlink;
    uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_compact) == 32 && sizeof(struct erofs_extended) == 64,
               "inodes of EROFS");

/* After the inode if xattr_count != 0: 12 + 4 * (xattr_count - 1) bytes, beginning with
 * this header and `shared` numbers of shared entries (in units of 4 bytes from
 * xattr_block), then entries, each aligned to 4. */
struct erofs_xattr_header {
    uint32_t filter;
    uint8_t shared, reserved[7];
};
struct erofs_xattr_entry {
    uint8_t name_len, space; /* enum erofs_xattr_space */
    uint16_t value_size;
};
enum erofs_xattr_space {
    EROFS_XATTR_USER = 1,
    EROFS_XATTR_ACL_ACCESS = 2,
    EROFS_XATTR_ACL_DEFAULT = 3,
    EROFS_XATTR_TRUSTED = 4,
    EROFS_XATTR_SECURITY = 6,
};

/* A directory is a sequence of blocks, each with its entries first and then their names
 * in the same order; names are sorted by their bytes over all blocks.  The first entry's
 * name_at says how many entries there are. */
struct erofs_dirent {
    uint64_t nid;
    uint16_t name_at; /* from the start of the block */
    uint8_t type;     /* as S_IFMT of the seven kinds: EROFS_TYPE_* */
    uint8_t reserved;
} __attribute__((packed));
enum { /* file types of entries */
       EROFS_TYPE_FILE = 1,
       EROFS_TYPE_DIR,
       EROFS_TYPE_CHAR,
       EROFS_TYPE_BLOCK,
       EROFS_TYPE_FIFO,
       EROFS_TYPE_SOCKET,
       EROFS_TYPE_LINK,
};

/* The last bytes of an image made by Bailey: `config_size` bytes of JSON lie at
 * `config_at`, where the file system's blocks end. */
struct image_trailer {
    uint64_t config_at, config_size;
    uint8_t reserved[8];
    char magic[8];
};
#define IMAGE_TRAILER_MAGIC "BaileyIm"

#endif
