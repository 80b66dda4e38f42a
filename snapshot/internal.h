/* What the parts of snapshot/ share. */
#ifndef BAILEY_SNAPSHOT_INTERNAL_H
#define BAILEY_SNAPSHOT_INTERNAL_H

#include <pthread.h>
#include <zstd.h>

#include "format.h"
#include "snapshot.h"

/* ---- error.c ---- */
/* Both return -1. */
int fail(struct snapshot_error *err, enum snapshot_failure kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int fail_errno(struct snapshot_error *err, int number, const char *what, const char *why);
void fail_hint(struct snapshot_error *err, const char *hint);

/* ---- crypto.c ---- */
/* Before anything else here, once. */
int crypto_ready(struct snapshot_error *err);
struct file_key {
    uint8_t bytes[32];
    uint8_t bound_to[DIGEST_SIZE]; /* digest of the header: frames belong to one file */
    bool used;
};
int file_key_derive(struct file_key *key, const struct header *header, const char *key_file,
                    struct snapshot_error *err);
#define SEAL_BYTES 16
#define SEAL_INDEX (~0ULL) /* number of the index */
/* In place: bytes has room for SEAL_BYTES more; the new length. */
size_t seal(const struct file_key *key, uint64_t number, uint8_t *bytes, size_t len);
/* The length of the plain bytes, or -1 if the key is wrong. */
long unseal(const struct file_key *key, uint64_t number, uint8_t *bytes, size_t len);
int sign_root(struct trailer *trailer, const char *key_file, struct snapshot_error *err);
/* Any signature must be right; a given signer must be the one. */
int check_signature(const struct trailer *trailer, const char *path, const char *signer_key_file,
                    struct snapshot_error *err);
void root_digest(uint8_t root[DIGEST_SIZE], const struct header *header,
                 const struct trailer *trailer);
int random_bytes(void *bytes, size_t len, struct snapshot_error *err);

/* ---- frame.c ---- */
#define STORED_MAX (ZSTD_COMPRESSBOUND(FRAME_BYTES) + SEAL_BYTES)
/* Compresses, seals and digests plain[0..len) into stored, which has room for
 * ZSTD_COMPRESSBOUND(len) + SEAL_BYTES.  Sets stored, method and digest of frame; zctx NULL:
 * not compressed.  ratio: do not compress better than this, 0: no limit.  digest: false leaves it
 * as it is. */
void frame_pack(struct frame *frame, uint64_t number, ZSTD_CCtx *zctx, const struct file_key *key,
                const uint8_t *plain, size_t len, uint8_t *stored, size_t ratio, bool digest);
/* The way back, in `stored`, which is changed.  Exactly `len` bytes must come out. */
int frame_check(const struct frame *frame, const uint8_t *stored);
int frame_unpack(const struct frame *frame, uint64_t number, ZSTD_DCtx *zctx,
                 const struct file_key *key, uint8_t *stored, uint8_t *plain, size_t len);

/* ---- pack.c: the writer's frames, in order, by way of threads ---- */
struct pack;
struct pack_frame { /* one being filled */
    uint32_t number, pages;
    uint8_t *plain;
};
struct pack *pack_start(int fd, const struct file_key *key, const struct snapshot_write_options *o,
                        struct snapshot_error *err);
/* The frame to fill next, empty, until it is submitted; NULL after a failed write (errno). */
struct pack_frame *pack_current(struct pack *p);
/* Hands the current frame over. */
void pack_submit(struct pack *p);
/* Waits for all and writes them; the frames' places are then in *frames.  0 or -1 (errno). */
int pack_drain(struct pack *p, struct frame **frames, uint32_t *count);
void pack_free(struct pack *p);
int write_all(int fd, const void *bytes, size_t len);
int read_all_at(int fd, void *bytes, size_t len, uint64_t offset);
unsigned thread_count(unsigned wanted);

/* ---- ranges.c: what was put, in the order it was put ---- */
struct ranges {
    struct range *items;
    size_t count, room;
};
int ranges_add(struct ranges *ranges, const struct range *range);
/* Sorts, and lets later ones win; neighbours that can be one become one. */
int ranges_settle(struct ranges *ranges);
static inline uint64_t range_end(const struct range *r)
{
    return r->offset + (uint64_t)r->pages * SNAPSHOT_PAGE;
}

/* ---- index.c ---- */
struct meta {
    char key[SNAPSHOT_KEY_MAX + 1];
    const uint8_t *bytes;
    uint32_t len;
};
struct index {
    uint8_t *plain; /* everything below but metas points into it */
    size_t size;
    const struct frame *frames;
    const struct range *ranges;
    struct meta *metas;
    uint32_t frame_count, range_count, meta_count;
};
/* Checks all of it; takes plain over when it succeeds.  frames_end: where the last one ends. */
int index_parse(struct index *index, uint8_t *plain, size_t size, uint64_t frames_end,
                uint32_t header_flags);
void index_free(struct index *index);
bool meta_key_valid(const char *key, size_t len);
/* The first range of `object` that ends after `offset`, or range_count. */
uint32_t index_find(const struct index *index, uint32_t object, uint64_t offset);

/* ---- open.c ---- */
struct reader_cache;
struct snapshot_reader {
    int fd;
    bool own_fd;
    char *path;
    struct header header;
    struct trailer trailer;
    struct index index;
    struct file_key key;
    struct snapshot_info info;
    struct snapshot_reader *base;
    struct reader_cache *cache;
    char base_name[256];
    unsigned threads;
    bool checked; /* all frames' digests are known to be right */
};

/* ---- reader.c ---- */
int reader_cache_make(struct snapshot_reader *r);
void reader_cache_free(struct snapshot_reader *r);
void range_describe(const struct snapshot_reader *r, const struct range *range,
                    struct snapshot_range *out);
/* Reads, checks and unpacks frame n into plain (FRAME_BYTES); stored: STORED_MAX of scratch. */
int reader_frame(const struct snapshot_reader *r, uint32_t n, ZSTD_DCtx *zctx, uint8_t *stored,
                 uint8_t *plain, struct snapshot_error *err);

/* ---- turns.c ---- */
struct turns;
struct turns *turns_make(const struct snapshot_parts *parts, uint32_t frames, void *context);
void turns_free(struct turns *t);
/* The frame to unpack next, or SNAPSHOT_NO_FRAME: none is left. */
uint32_t turns_take(struct turns *t);
/* Until the pieces of a frame that was taken may be handed out; -1: not any more. */
int turns_await(struct turns *t, uint32_t frame);
/* They have been, or there are none. */
void turns_end(struct turns *t, uint32_t frame);
void turns_stop(struct turns *t);

/* ---- load.c ---- */
/* Checks the digests of all frames, in several threads. */
int reader_check_all(struct snapshot_reader *r, struct snapshot_error *err);

#endif
