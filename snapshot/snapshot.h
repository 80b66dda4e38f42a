/* The snapshot file: writing, reading, checking.  docs/snapshot-format.md has the bytes.
 *
 * A snapshot holds named pieces of metadata and the pages of numbered memory objects.
 * A writer only ever appends, so its output may be a pipe; a reader wants a file that can
 * be read at any offset and copies a pipe's contents into memory first.
 *
 *   writer: open, put_meta / put_pages / put_unchanged in any order, finish or abandon
 *   reader: open, meta / ranges / read_pages / load_all, close
 *
 * Threads: a writer and a reader belong to one thread at a time, except that
 * snapshot_read_pages may be called from several.  Compression and loading use threads of
 * their own that are gone when finish, abandon and load_all return.
 *
 * Everything in a file is hostile until it is verified, and what it says about the
 * program (summary, names) stays so afterwards: it was written by the sandbox.
 *
 * Results: 0 (or a count) on success, -1 with *err filled otherwise.
 */
#ifndef BAILEY_SNAPSHOT_H
#define BAILEY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_PAGE 4096u

enum snapshot_failure {
    SNAPSHOT_SYSTEM = 1, /* the host refused something: err->number is the errno */
    SNAPSHOT_DAMAGED,    /* no snapshot, cut short, or changed since it was written */
    SNAPSHOT_VERSION,    /* of a format this version does not know */
    SNAPSHOT_KEY,        /* encrypted and no key, the wrong one, or a bad key file */
    SNAPSHOT_SIGNATURE,  /* not signed, or by somebody else */
    SNAPSHOT_BASE,       /* the base is missing or another file */
    SNAPSHOT_MISUSE,     /* the caller asked for what makes no sense */
};

struct snapshot_error {
    enum snapshot_failure kind;
    int number;
    char text[512]; /* "what: why", one line */
    char hint[128]; /* what to do, or "" */
};

/* ---- objects -------------------------------------------------------------
 * Offsets are multiples of SNAPSHOT_PAGE below SNAPSHOT_OFFSET_MAX; in an address space
 * they are the program's addresses. */
#define SNAPSHOT_SEGMENT    1u
#define SNAPSHOT_POOL       2u
#define SNAPSHOT_SPACE(n)   (0x10000000u + (uint32_t)(n)) /* private memory of space n */
#define SNAPSHOT_OFFSET_MAX (1ULL << 48)

/* ---- metadata ------------------------------------------------------------
 * Keys are 1..63 characters of [a-z0-9._-].  Those the commands know, all of them pairs
 * (see below) unless stated:
 *   config    argv, env (repeated), workdir, hostname, name, memory, pids, net, root,
 *             mount ("GUEST HOST ro|rw"): as the sandbox was started
 *   cpu       made by snapshot_cpu_describe
 *   kernel    release, machine: where it was made (one pair each)
 *   summary   process, thread, file, stream, port, base file: one line of text each
 *   state     opaque: what the monitor needs to go on */
#define SNAPSHOT_META_MAX (64u << 20) /* bytes of all metadata */
#define SNAPSHOT_KEY_MAX  63

/* Pairs: a name and a value after another, each ending with NUL.  Names may repeat. */
struct snapshot_pairs {
    char *bytes;
    size_t size, room;
};
/* Appends; value may hold anything but NUL.  -1 only when memory is out. */
int snapshot_pairs_add(struct snapshot_pairs *pairs, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void snapshot_pairs_free(struct snapshot_pairs *pairs);
/* Walks pairs: *at starts as 0.  False at the end, or where the bytes are not pairs. */
bool snapshot_pairs_next(const void *bytes, size_t size, size_t *at, const char **name,
                         const char **value);

/* ---- writing ------------------------------------------------------------- */

struct snapshot_writer;

struct snapshot_write_options {
    int level;                    /* of zstd; 0: 1, the fastest */
    unsigned threads;             /* that compress; 0: one for each CPU up to 8, 1: the caller */
    unsigned buffered;            /* frames of 1 MB in memory, at most; 0: 16 */
    bool warm;                    /* uncompressed, for mapping; no key, no base */
    bool unchecked;               /* no digests of pages: for a reader that trusts it alone */
    bool self_contained;          /* only marks it: what is carried lies in the memory */
    uint32_t abi_version;         /* BOOT_VERSION of abi/boot.h */
    uint8_t image[32];            /* digest of the inside image */
    const char *base;             /* file whose pages need not be written again, or NULL */
    const int *base_fds;          /* it and its own bases, where they are open already; -1 ends */
    const char *encrypt_key_file; /* or NULL */
    const char *sign_key_file;    /* or NULL */
    /* To read the base, when it is encrypted: the same encrypt_key_file. */
};

/* Writes to `path` by way of a file that has no name, or a temporary one, until finish.
 * "-" is standard output. */
struct snapshot_writer *snapshot_writer_open(const char *path,
                                             const struct snapshot_write_options *options,
                                             struct snapshot_error *err);
/* Writes to a descriptor, which stays the caller's: a pipe, a file to be renamed, a memfd.
 * `path` is for messages. */
struct snapshot_writer *snapshot_writer_open_fd(int fd, const char *path,
                                                const struct snapshot_write_options *options,
                                                struct snapshot_error *err);
int snapshot_put_meta(struct snapshot_writer *w, const char *key, const void *bytes, size_t len,
                      struct snapshot_error *err);
/* Pages of an object: offset and len multiples of SNAPSHOT_PAGE.  The data are copied before
 * it returns.  Zero pages cost nothing but are remembered as zero, which differs from "not
 * there" in memory above a file.  What is put later replaces what was put earlier.  With a
 * base, pages that are the same there are only referred to. */
int snapshot_put_pages(struct snapshot_writer *w, uint32_t object, uint64_t offset,
                       const void *data, size_t len, struct snapshot_error *err);
/* Pages known not to have changed since the base, without looking at them: those the base
 * has in this range.  (The others stay "not there".) */
int snapshot_put_unchanged(struct snapshot_writer *w, uint32_t object, uint64_t offset,
                           uint64_t len, struct snapshot_error *err);
/* Writes index and trailer, flushes to the disk, gives the file its name.  Frees the writer
 * either way; after a failure nothing stands under the name that did not before.
 * digest, if not NULL, receives the 32 bytes that name the snapshot. */
int snapshot_finish(struct snapshot_writer *w, uint8_t *digest, struct snapshot_error *err);
/* Drops everything written so far.  w may be NULL. */
void snapshot_abandon(struct snapshot_writer *w);

/* ---- reading ------------------------------------------------------------- */

struct snapshot_reader;

#define SNAPSHOT_FILES_MAX 16 /* that build on one another */

struct snapshot_read_options {
    const char *base;            /* where the base is; NULL: beside the file, by its name */
    const int *base_fds;         /* it and its own bases, where they are open; -1 ends */
    const char *key_file;        /* to decrypt, or NULL */
    const char *signer_key_file; /* public key that must have signed, or NULL: any or none */
    bool lazy;                   /* frames are checked when first read, not in open */
    bool no_base;                /* do not look for the base: pages of it can't be read */
    bool trusted;                /* our own, and never out of our hands: frames are not checked */
    unsigned threads;            /* for checking and loading; 0: one for each CPU up to 8 */
};

/* What the header, the index and the trailer say. */
struct snapshot_info {
    uint32_t version, abi_version;
    bool warm, encrypted, is_signed, self_contained, incremental;
    int64_t created; /* ns since 1970 */
    uint8_t id[16], image[32], base[32];
    uint8_t digest[32], signer[32];
    const char *base_name;      /* file name of the base when it was made, or "" */
    uint64_t file_size;         /* bytes */
    uint64_t size_with_bases;   /* ... of those, too, as far as they were opened */
    uint64_t pages, zero_pages; /* in this file; remembered as zero */
    uint64_t base_pages;        /* referred to */
    uint32_t frames, ranges, metas;
};

/* "-" is standard input; anything unseekable is copied into memory first.
 * Unless lazy, every byte of the file (and of its bases) has been checked when it returns.
 * Loading checks, too, before it hands anything out: who opens lazily has each byte read and
 * digested once, and learns of damage when it comes to it. */
struct snapshot_reader *snapshot_reader_open(const char *path,
                                             const struct snapshot_read_options *options,
                                             struct snapshot_error *err);
/* The descriptor stays the caller's and open until close. */
struct snapshot_reader *snapshot_reader_open_fd(int fd, const char *path,
                                                const struct snapshot_read_options *options,
                                                struct snapshot_error *err);
/* Checks what lazy has left out, in the bases as well. */
int snapshot_check(struct snapshot_reader *r, struct snapshot_error *err);
void snapshot_reader_close(struct snapshot_reader *r);
const struct snapshot_info *snapshot_info(const struct snapshot_reader *r);

/* NULL if there is none by that key.  Valid until close. */
const void *snapshot_meta(const struct snapshot_reader *r, const char *key, size_t *len);
/* The i'th metadata, 0 <= i < info.metas. */
const void *snapshot_meta_at(const struct snapshot_reader *r, uint32_t i, const char **key,
                             size_t *len);

enum snapshot_where {
    SNAPSHOT_IN_FRAME, /* its pages are in this file */
    SNAPSHOT_ZERO,     /* zeros */
    SNAPSHOT_IN_BASE,  /* as in the base */
};

struct snapshot_range {
    uint32_t object;
    enum snapshot_where where;
    uint64_t offset, len;
    uint64_t file_offset; /* warm form, SNAPSHOT_IN_FRAME: where to map it from; else 0 */
    uint32_t frame, page; /* SNAPSHOT_IN_FRAME: in which frame, from which of its pages on */
};
/* Ranges of all objects by object and offset, disjoint.  *at starts as 0; false at the end.
 * In the warm form neighbours in object and file come as one. */
bool snapshot_next_range(const struct snapshot_reader *r, uint32_t *at,
                         struct snapshot_range *range);
/* Where to start *at for the first range of `object` that ends behind `offset`. */
uint32_t snapshot_find_range(const struct snapshot_reader *r, uint32_t object, uint64_t offset);
/* The descriptor to map the warm form from, or -1. */
int snapshot_warm_fd(const struct snapshot_reader *r);
/* Puts the descriptors of the file and its bases, which stay the reader's, into fds, and -1. */
void snapshot_fds(const struct snapshot_reader *r, int fds[SNAPSHOT_FILES_MAX + 1]);

/* Reads [offset, offset+len) of an object; what is not there reads as zeros.  Returns the
 * number of pages that were there. */
long snapshot_read_pages(struct snapshot_reader *r, uint32_t object, uint64_t offset, void *buffer,
                         size_t len, struct snapshot_error *err);

/* Receives a piece: data is NULL for zeros (of any length), else len is at most 1 MB.
 * Returns 0, or -1 to stop.  Called from several threads at once. */
typedef int snapshot_load_fn(void *context, uint32_t object, uint64_t offset, const void *data,
                             uint64_t len);
/* Gives every page of the objects in [first, last] to fn, in no order, each once. */
int snapshot_load(struct snapshot_reader *r, uint32_t first, uint32_t last, snapshot_load_fn *fn,
                  void *context, struct snapshot_error *err);

/* All ranges of the objects in [first, last], in place of those as in the base what the base has.
 * Frames are numbered through this file and its bases: theirs come behind. */
struct snapshot_pieces {
    struct snapshot_range *list; /* by object and offset, disjoint */
    size_t count;
    uint32_t frames;
};
int snapshot_pieces_make(struct snapshot_pieces *to, const struct snapshot_reader *r,
                         uint32_t first, uint32_t last, struct snapshot_error *err);
void snapshot_pieces_free(struct snapshot_pieces *pieces);

/* Gives the pieces that are in frames to fn.  The frames are cut into parts: pieces of a part come
 * one after another, by frame and page; parts in an order that may change. */
struct snapshot_parts {
    const uint32_t *start; /* of each the first frame, ascending, the first 0 */
    uint32_t count;        /* at least 1 */
    /* What frame is needed soonest, or SNAPSHOT_NO_FRAME; asked before each, by one thread at a
     * time.  Its part goes on before others. */
    uint32_t (*wanted)(void *context);
    void (*done)(void *context); /* after each frame that held some of the pieces */
};
#define SNAPSHOT_NO_FRAME (~0u)
int snapshot_load_parts(struct snapshot_reader *r, const struct snapshot_pieces *pieces,
                        snapshot_load_fn *fn, const struct snapshot_parts *parts, void *context,
                        struct snapshot_error *err);

/* ---- keys ---------------------------------------------------------------- */

/* Makes FILE (secret: encrypts and signs, mode 0600) and FILE.pub (checks signatures).
 * Neither may exist. */
int snapshot_keygen(const char *path, struct snapshot_error *err);
/* Is this a secret key file? */
int snapshot_key_check(const char *path, struct snapshot_error *err);
/* BLAKE2b-256, for the digest of the inside image. */
void snapshot_digest(uint8_t digest[32], const void *bytes, size_t len);

#endif
