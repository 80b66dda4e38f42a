/* Memory of a snapshot into the objects of a new sandbox (monitor/memory_file.h). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/boot.h"
#include "abi/layout.h"
#include "memory_file.h"

static int give_error(struct error *to, const struct snapshot_error *from)
{
    if (!from->text[0])
        return error_set(to, errno, "filling memory");
    error_set(to, 0, "%s", from->text);
    return from->hint[0] ? error_hint(to, "%s", from->hint) : -1;
}

static int write_all(int fd, const uint8_t *data, uint64_t len, uint64_t offset)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* ---- segment and pool ---------------------------------------------------------------------- */

struct object {
    int fd;
    uint64_t size;
};

/* Zeros are there already. */
static int load_piece(void *context, uint32_t number, uint64_t offset, const void *data,
                      uint64_t len)
{
    const struct object *o = context;

    if (offset > o->size || len > o->size - offset) {
        errno = EFBIG;
        return -1;
    }
    return data ? write_all(o->fd, data, len, offset) : 0;
}

static int source_fill(void *context, uint32_t object, int fd, uint64_t size, struct error *err)
{
    struct object o = {fd, size};
    struct snapshot_error error = {0};

    return snapshot_load(context, object, object, load_piece, &o, &error) ? give_error(err, &error)
                                                                          : 0;
}

/* ---- private memory: the stream struct boot_space describes --------------------------- */

struct place {
    uint64_t addr, len, at;
};
struct layout {
    int fd;
    uint32_t spaces;
    struct place *places; /* of all spaces, by space and address */
    uint64_t *first;      /* of each space, and one more */
};

/* Counts (places NULL) or lists the ranges of private memory. */
static uint64_t list_places(const struct snapshot_reader *r, struct layout *l)
{
    struct snapshot_range range;
    uint32_t at = snapshot_find_range(r, MEMORY_SPACE(0), 0), space = 0;
    uint64_t count = 0;

    while (snapshot_next_range(r, &at, &range) && range.object < MEMORY_SPACE(l->spaces)) {
        uint32_t n = range.object - MEMORY_SPACE(0);
        if (l->places) {
            while (space <= n)
                l->first[space++] = count;
            l->places[count] = (struct place){range.offset, range.len, 0};
        }
        count++;
    }
    while (l->places && space <= l->spaces)
        l->first[space++] = count;
    return count;
}

/* Writes the tables; gives every range its place in the stream. */
static int write_tables(struct layout *l)
{
    uint64_t total = l->first[l->spaces];
    uint64_t runs = l->spaces * sizeof(struct boot_space);
    uint64_t data = (runs + total * sizeof(struct boot_run) + PAGE_SIZE - 1) & PAGE_MASK;

    for (uint32_t n = 0; n < l->spaces; n++) {
        struct boot_space space = {runs, l->first[n + 1] - l->first[n], data};
        if (write_all(l->fd, (void *)&space, sizeof(space), n * sizeof(space)))
            return -1;
        for (uint64_t i = l->first[n]; i < l->first[n + 1]; i++) {
            struct boot_run run = {l->places[i].addr, l->places[i].len};
            l->places[i].at = data;
            if (write_all(l->fd, (void *)&run, sizeof(run), runs))
                return -1;
            runs += sizeof(run);
            data += run.len;
        }
    }
    return ftruncate(l->fd, (off_t)data);
}

/* A piece may lie across several ranges. */
static int load_private(void *context, uint32_t object, uint64_t offset, const void *data,
                        uint64_t len)
{
    const struct layout *l = context;
    uint32_t n = object - MEMORY_SPACE(0);
    const uint8_t *bytes = data;

    if (n >= l->spaces || !data)
        return n >= l->spaces ? -1 : 0;
    uint64_t lo = l->first[n], hi = l->first[n + 1];
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (l->places[mid].addr + l->places[mid].len <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; len && lo < l->first[n + 1] && l->places[lo].addr <= offset; lo++) {
        uint64_t in = offset - l->places[lo].addr, part = l->places[lo].len - in;
        if (part > len)
            part = len;
        if (write_all(l->fd, bytes, part, l->places[lo].at + in))
            return -1;
        bytes += part;
        offset += part;
        len -= part;
    }
    return len ? -1 : 0;
}

static int source_fill_private(void *context, uint32_t count, int fd, struct error *err)
{
    struct layout l = {.fd = fd, .spaces = count};
    struct snapshot_error error = {0};
    uint64_t places = list_places(context, &l);
    int rc = -1;

    l.places = calloc(places + 1, sizeof(*l.places));
    l.first = calloc(count + 1, sizeof(*l.first));
    if (l.places && l.first) {
        list_places(context, &l);
        rc = write_tables(&l);
    }
    if (rc == 0)
        rc = snapshot_load(context, MEMORY_SPACE(0), MEMORY_SPACE(count - 1), load_private, &l,
                           &error);
    free(l.places);
    free(l.first);
    return rc ? give_error(err, &error) : 0;
}

/* ---- the source ---------------------------------------------------------------------------- */

static const void *source_note(void *context, const char *key, size_t *len)
{
    return snapshot_meta(context, key, len);
}

void resume_source(struct memory_source *source, struct snapshot_reader *r)
{
    *source = (struct memory_source){.context = r,
                                     .note = source_note,
                                     .fill = source_fill,
                                     .fill_private = source_fill_private};
    memcpy(source->image, snapshot_info(r)->image, sizeof(source->image));
}
