#include "transport.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "../abi/erofs.h"

#define PIECE     (1u << 18)
#define SIZE_MAX_ (1ULL << 44) /* 16 TB: what an image can hold */

struct pipe_of {
    int from, to;
    uint8_t *in, *out;
    uint64_t written;
    struct image_error *err;
};

static int pipe_open(struct pipe_of *p)
{
    p->in = malloc(PIECE);
    p->out = malloc(PIECE);
    return p->in && p->out ? 0 : image_fail(p->err, ENOMEM, "image");
}

static void pipe_close(struct pipe_of *p)
{
    free(p->in);
    free(p->out);
}

static ssize_t fill(struct pipe_of *p)
{
    ssize_t n;

    do
        n = read(p->from, p->in, PIECE);
    while (n < 0 && errno == EINTR);
    return n < 0 ? image_fail(p->err, errno, "reading the image") : n;
}

/* Zeros become holes. */
static int flush(struct pipe_of *p, size_t size)
{
    bool hole = size == PIECE && !p->out[0] && memcmp(p->out, p->out + 1, size - 1) == 0 &&
                lseek(p->to, (off_t)size, SEEK_CUR) >= 0;

    for (size_t at = 0; at < size && !hole;) {
        ssize_t n = write(p->to, p->out + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return image_fail(p->err, n < 0 ? errno : EIO, "writing the image");
        at += (size_t)n;
    }
    p->written += size;
    return 0;
}

static int zstd_failed(struct pipe_of *p, size_t rc)
{
    return image_fail(p->err, 0, "image: %s", ZSTD_getErrorName(rc));
}

static int pack_piece(struct pipe_of *p, ZSTD_CCtx *z, ZSTD_inBuffer *in, ZSTD_EndDirective how)
{
    size_t left;

    do {
        ZSTD_outBuffer out = {p->out, PIECE, 0};
        left = ZSTD_compressStream2(z, &out, in, how);
        if (ZSTD_isError(left))
            return zstd_failed(p, left);
        if (flush(p, out.pos) < 0)
            return -1;
    } while (how == ZSTD_e_end ? left != 0 : in->pos < in->size);
    return 0;
}

int transport_pack(int from, int to, int level, struct image_error *err)
{
    struct pipe_of p = {.from = from, .to = to, .err = err};
    ZSTD_CCtx *z = ZSTD_createCCtx();
    int rc = z ? pipe_open(&p) : image_fail(err, ENOMEM, "image");
    ssize_t n = 1;

    if (z) {
        ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    }
    while (rc == 0 && n > 0) {
        n = fill(&p);
        ZSTD_inBuffer in = {p.in, n > 0 ? (size_t)n : 0, 0};
        rc = n < 0 ? -1 : pack_piece(&p, z, &in, n ? ZSTD_e_continue : ZSTD_e_end);
    }
    ZSTD_freeCCtx(z);
    pipe_close(&p);
    return rc;
}

static int unpack_piece(struct pipe_of *p, ZSTD_DCtx *z, ZSTD_inBuffer *in, size_t *state)
{
    bool full = true;

    while (in->pos < in->size || full) {
        ZSTD_outBuffer out = {p->out, PIECE, 0};
        *state = ZSTD_decompressStream(z, &out, in);
        if (ZSTD_isError(*state))
            return zstd_failed(p, *state);
        if (p->written + out.pos > SIZE_MAX_)
            return image_fail(p->err, 0, "image: larger than any image");
        if (flush(p, out.pos) < 0)
            return -1;
        full = out.pos == PIECE;
    }
    return 0;
}

int transport_unpack(int from, int to, struct image_error *err)
{
    struct pipe_of p = {.from = from, .to = to, .err = err};
    ZSTD_DCtx *z = ZSTD_createDCtx();
    int rc = z ? pipe_open(&p) : image_fail(err, ENOMEM, "image");
    size_t state = 1;
    ssize_t n = 1;

    while (rc == 0 && n > 0) {
        n = fill(&p);
        ZSTD_inBuffer in = {p.in, n > 0 ? (size_t)n : 0, 0};
        if (n != 0)
            rc = n < 0 ? -1 : unpack_piece(&p, z, &in, &state);
    }
    if (rc == 0 && state != 0)
        rc = image_fail(err, 0, "image: the compressed file ends too early");
    if (rc == 0 && ftruncate(to, (off_t)p.written) < 0)
        rc = image_fail(err, errno, "writing the image");
    ZSTD_freeDCtx(z);
    pipe_close(&p);
    return rc;
}

bool transport_packed(int fd)
{
    uint32_t magic;

    return pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic == ZSTD_MAGICNUMBER;
}
