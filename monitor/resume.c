/* A new sandbox from a snapshot.
 *
 * Everything in the file is somebody else's: its digest was checked when it was opened, but
 * who wrote it may be hostile.  It becomes contents of the memory objects and nothing else;
 * of the saved boot_info only what the inside alone reads is kept, and the inside is not
 * trusted with it more than with anything.
 */
#include "save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../abi/layout.h"
#include "memory_file.h"

#define SPACES_MAX 65536u

static int refuse(struct sandbox *s, const char *why, const char *hint)
{
    error_set(s->err, 0, "resume: %s", why);
    return hint ? error_hint(s->err, hint) : -1;
}

/* Four sums over interleaved words: a build differs in all of them. */
void image_identity(uint8_t id[32], const struct image *image)
{
    uint64_t sum[4] = {image->size, 1, 2, 3};

    for (uint64_t i = 0; i + 8 <= image->size; i += 8) {
        uint64_t word;
        memcpy(&word, image->bytes + i, 8);
        uint64_t *to = &sum[i / 8 % 4];
        *to = (*to ^ word) * 0x100000001b3u;
        *to ^= *to >> 29;
    }
    memcpy(id, sum, 32);
}

/* ---- what the host must have ---------------------------------------------------------- */

static int check(struct sandbox *s, struct saved_state *state)
{
    const struct memory_source *from = s->config->resume;
    size_t len;
    const void *bytes = from->note(from->context, "state", &len);

    if (!bytes || len != sizeof(*state))
        return refuse(s, "the file holds no sandbox", NULL);
    memcpy(state, bytes, sizeof(*state));
    if (memcmp(s->image_id, from->image, sizeof(from->image)) != 0)
        return refuse(s, "saved by another version of bailey",
                      "resume it with the version that saved it");
    if (state->xsave_size != s->xsave_size || state->xcr0 != s->xcr0)
        return refuse(s, "saved on a CPU with other vector registers",
                      "resume it on a machine of the same kind");
    if (state->spaces == 0 || state->spaces > SPACES_MAX)
        return refuse(s, "the file holds no process", NULL);
    return 0;
}

/* ---- memory ------------------------------------------------------------------------------ */

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

/* A piece of segment or pool.  Called from several threads. */
static int load_piece(void *context, uint32_t object, uint64_t offset, const void *data,
                      uint64_t len)
{
    struct sandbox *s = context;
    bool segment = object == MEMORY_SEGMENT;
    uint64_t size = segment ? SEG_SIZE : POOL_SIZE;

    if (offset > size || len > size - offset)
        return -1;
    return data ? write_all(segment ? s->segment_fd : s->pool_fd, data, len, offset) : 0;
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
static uint64_t list_places(const struct memory_source *from, struct layout *l)
{
    uint32_t at = 0, object, space = 0;
    uint64_t count = 0, offset, len;

    while (from->next(from->context, &at, &object, &offset, &len)) {
        uint32_t n = object - MEMORY_SPACE(0);
        if (object < MEMORY_SPACE(0) || n >= l->spaces)
            continue;
        if (l->places) {
            while (space <= n)
                l->first[space++] = count;
            l->places[count] = (struct place){offset, len, 0};
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

static int load_spaces(struct sandbox *s, uint32_t spaces)
{
    const struct memory_source *from = s->config->resume;
    struct layout l = {.fd = s->pages_fd, .spaces = spaces};
    uint64_t count = list_places(from, &l);
    int rc = -1;

    l.places = calloc(count + 1, sizeof(*l.places));
    l.first = calloc(spaces + 1, sizeof(*l.first));
    if (l.places && l.first) {
        list_places(from, &l);
        rc = write_tables(&l);
    }
    if (rc == 0)
        rc = from->load(from->context, MEMORY_SPACE(0), MEMORY_SPACE(spaces - 1), load_private, &l,
                        s->err);
    free(l.places);
    free(l.first);
    return rc;
}

int resume_memory(struct sandbox *s)
{
    const struct memory_source *from = s->config->resume;
    struct saved_state state;

    if (check(s, &state) < 0)
        return -1;
    s->pages_fd = memfd_create("bailey-pages", MFD_CLOEXEC);
    if (s->pages_fd < 0)
        return error_set(s->err, errno, "resume: memory");
    if (from->load(from->context, MEMORY_SEGMENT, MEMORY_POOL, load_piece, s, s->err) ||
        load_spaces(s, state.spaces)) {
        if (!s->err->text[0])
            error_set(s->err, errno, "filling memory");
        return error_wrap(s->err, "resume");
    }
    return 0;
}

void resume_boot(struct boot_info *saved, const struct boot_info *fresh)
{
    const uint32_t of_run =
        BOOT_TTY_STDIN | BOOT_TRACE | BOOT_DIFF | BOOT_DIFF_LIST | BOOT_NO_REWRITE | BOOT_STATS;

    saved->magic = BOOT_MAGIC;
    saved->version = BOOT_VERSION;
    saved->flags = (saved->flags & ~of_run) | (fresh->flags & of_run) | BOOT_RESUME;
    memcpy(saved->stdio, fresh->stdio, sizeof(saved->stdio));
    saved->trace_handle = fresh->trace_handle;
    saved->diff_handle = fresh->diff_handle;
    saved->poll_handle = fresh->poll_handle;
    saved->kick_handle = fresh->kick_handle;
    saved->probe_handle = fresh->probe_handle;
    saved->seg_handle = fresh->seg_handle;
    saved->pool_handle = fresh->pool_handle;
    saved->pages_handle = fresh->pages_handle;
    saved->memory_total = fresh->memory_total;
    saved->host_boottime_ns = fresh->host_boottime_ns;
    memcpy(saved->seed, fresh->seed, sizeof(saved->seed));
    memcpy(saved->boot_id, fresh->boot_id, sizeof(saved->boot_id));
    saved->vdso = fresh->vdso;
    saved->host_uid = fresh->host_uid;
    saved->host_gid = fresh->host_gid;
    saved->net_flags = fresh->net_flags;
    saved->net_address = fresh->net_address;
    saved->nports = fresh->nports;
    memcpy(saved->ports, fresh->ports, sizeof(saved->ports));
    saved->mailbox_signals = 0;
    saved->freeze = saved->winsize_changed = 0;
}
