/* One frame, from pages to the bytes of the file and back. */
#include <string.h>

#include "internal.h"

void frame_pack(struct frame *frame, uint64_t number, ZSTD_CCtx *zctx, const struct file_key *key,
                const uint8_t *plain, size_t len, uint8_t *stored, size_t ratio, bool digest)
{
    size_t size = zctx ? ZSTD_compress2(zctx, stored, ZSTD_compressBound(len), plain, len) : len;

    frame->method = METHOD_ZSTD;
    if (!zctx || ZSTD_isError(size) || size >= len || (ratio && len / ratio > size)) {
        frame->method = METHOD_RAW;
        size = len;
        memcpy(stored, plain, len);
    }
    if (key->used)
        size = seal(key, number, stored, size);
    frame->stored = (uint32_t)size;
    if (digest)
        snapshot_digest(frame->digest, stored, size);
}

int frame_check(const struct frame *frame, const uint8_t *stored)
{
    uint8_t digest[DIGEST_SIZE];

    snapshot_digest(digest, stored, frame->stored);
    return memcmp(digest, frame->digest, DIGEST_SIZE) == 0 ? 0 : -1;
}

int frame_unpack(const struct frame *frame, uint64_t number, ZSTD_DCtx *zctx,
                 const struct file_key *key, uint8_t *stored, uint8_t *plain, size_t len)
{
    long size = frame->stored;

    if (key->used)
        size = unseal(key, number, stored, frame->stored);
    if (size < 0)
        return -1;
    if (frame->method == METHOD_RAW) {
        if ((size_t)size != len)
            return -1;
        memcpy(plain, stored, len);
        return 0;
    }
    return ZSTD_decompressDCtx(zctx, plain, len, stored, (size_t)size) == len ? 0 : -1;
}
