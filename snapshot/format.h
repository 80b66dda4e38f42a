/* The bytes of a snapshot file; docs/snapshot-format.md explains them.
 *
 *   header    4096 bytes
 *   frames    one after another without gaps, from byte 4096 on
 *   index     struct index_head, frames, ranges, metadata: as a frame of its own
 *   trailer   256 bytes, the last of the file
 *
 * All numbers are little-endian, and structures have no padding of the compiler's.
 */
#ifndef BAILEY_SNAPSHOT_FORMAT_H
#define BAILEY_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define FORMAT_VERSION 1u
#define HEADER_MAGIC   "BaileySn"
#define TRAILER_MAGIC  "BaileyEn"
#define DIGEST_SIZE    32

enum header_flags {
    HEADER_WARM = 1,
    HEADER_ENCRYPTED = 2,
    HEADER_INCREMENTAL = 4,
    HEADER_SELF_CONTAINED = 8,
    HEADER_FLAGS = 15,
};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t flags;
    uint32_t page_size;
    uint32_t abi_version;
    int64_t created;
    uint8_t id[16];
    uint8_t image[DIGEST_SIZE];
    uint8_t base[DIGEST_SIZE]; /* root digest of the base */
    uint8_t salt[32];          /* the key of this file comes from it and the key file */
    uint8_t zero[4096 - 144];
};

enum method { METHOD_RAW, METHOD_ZSTD };

#define FRAME_PAGES 256u
#define FRAME_BYTES (FRAME_PAGES * 4096u)

struct frame {
    uint64_t offset; /* in the file */
    uint32_t stored; /* bytes there */
    uint16_t pages;
    uint8_t method;
    uint8_t zero;
    uint8_t digest[DIGEST_SIZE]; /* of the stored bytes */
};

#define RANGE_ZERO 0xffffffffu /* in `frame` */
#define RANGE_BASE 0xfffffffeu
#define FRAMES_MAX 0xfffffff0u

struct range {
    uint64_t offset; /* in the object, bytes */
    uint32_t object;
    uint32_t pages;
    uint32_t frame;
    uint32_t first; /* page within the frame */
};

/* Followed by the frames, the ranges by object and offset, and the metadata. */
struct index_head {
    uint32_t frames, ranges, metas, zero;
};

struct meta_head { /* followed by the key without NUL, then the bytes */
    uint16_t key_len;
    uint16_t zero;
    uint32_t len;
};

struct trailer {
    char magic[8];
    uint64_t file_size;
    uint64_t index_offset;
    uint32_t index_stored;
    uint32_t index_plain;
    uint32_t index_method;
    uint32_t is_signed;
    uint8_t index_digest[DIGEST_SIZE]; /* of the stored bytes */
    uint8_t root[DIGEST_SIZE];         /* of the header and the fields above */
    uint8_t signer[32];                /* ed25519 */
    uint8_t signature[64];             /* of the root */
    uint8_t zero[56];
};

#define INDEX_MAX   (256u << 20) /* plain bytes */
#define INDEX_RATIO 1024u        /* plain bytes for one stored, beyond the first MB */
#define METAS_MAX   4096u

_Static_assert(sizeof(struct header) == 4096, "header");
_Static_assert(sizeof(struct frame) == 48, "frame");
_Static_assert(sizeof(struct range) == 24, "range");
_Static_assert(sizeof(struct trailer) == 256, "trailer");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored as they are");

#endif
