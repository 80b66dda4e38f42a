/* Between the monitor, which knows no format, and snapshot/, which knows no sandbox. */
#include "memory_file.h"

#include <errno.h>
#include <string.h>

#include "abi/boot.h"

_Static_assert(MEMORY_SEGMENT == SNAPSHOT_SEGMENT && MEMORY_POOL == SNAPSHOT_POOL &&
                   MEMORY_SPACE(7) == SNAPSHOT_SPACE(7),
               "numbers of objects");

static int give_error(struct error *to, const struct snapshot_error *from)
{
    error_set(to, 0, "%s", from->text);
    if (from->hint[0])
        error_hint(to, "%s", from->hint);
    errno = from->number ? from->number : EIO;
    return -1;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void *sink_open(void *context, int fd, const uint8_t image[32], struct error *err)
{
    struct save_file *f = context;
    struct snapshot_error error = {0};

    f->options.abi_version = BOOT_VERSION;
    memcpy(f->options.image, image, sizeof(f->options.image));
    struct snapshot_writer *w =
        fd >= 0 ? snapshot_writer_open_fd(fd, "the snapshot", &f->options, &error)
                : snapshot_writer_open(f->path, &f->options, &error);
    if (!w)
        give_error(err, &error);
    return w;
}

static int sink_note(void *file, const char *key, const void *bytes, size_t len, struct error *err)
{
    struct snapshot_error error = {0};

    return snapshot_put_meta(file, key, bytes, len, &error) ? give_error(err, &error) : 0;
}

static int sink_put(void *file, uint32_t object, uint64_t offset, const void *data, size_t len,
                    struct error *err)
{
    struct snapshot_error error = {0};

    return snapshot_put_pages(file, object, offset, data, len, &error) ? give_error(err, &error)
                                                                       : 0;
}

static int sink_finish(void *file, struct error *err)
{
    struct snapshot_error error = {0};

    return snapshot_finish(file, NULL, &error) ? give_error(err, &error) : 0;
}

static void sink_abandon(void *file) { snapshot_abandon(file); }

void save_file_init(struct save_file *f)
{
    f->sink = (struct memory_sink){.context = f,
                                   .open = sink_open,
                                   .note = sink_note,
                                   .put = sink_put,
                                   .finish = sink_finish,
                                   .abandon = sink_abandon};
}

/* ---- reading ----------------------------------------------------------------------------- */

static const void *source_note(void *context, const char *key, size_t *len)
{
    return snapshot_meta(context, key, len);
}

static bool source_next(void *context, uint32_t *at, uint32_t *object, uint64_t *offset,
                        uint64_t *len)
{
    struct snapshot_range range;

    if (!snapshot_next_range(context, at, &range))
        return false;
    *object = range.object;
    *offset = range.offset;
    *len = range.len;
    return true;
}

static int source_load(void *context, uint32_t first, uint32_t last, memory_piece *piece, void *to,
                       struct error *err)
{
    struct snapshot_error error = {0};

    return snapshot_load(context, first, last, piece, to, &error) ? give_error(err, &error) : 0;
}

void resume_source(struct memory_source *source, struct snapshot_reader *r)
{
    *source = (struct memory_source){
        .context = r, .note = source_note, .next = source_next, .load = source_load};
    memcpy(source->image, snapshot_info(r)->image, sizeof(source->image));
}
