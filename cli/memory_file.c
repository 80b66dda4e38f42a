/* Between the monitor, which knows no format, and snapshot/, which knows no sandbox. */
#define _GNU_SOURCE
#include "memory_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/boot.h"
#include "capture.h"
#include "complain.h"
#include "runtime.h"
#include "snapshot/cpu.h"

enum { FORM_MAX = 16384 };

_Static_assert(MEMORY_SEGMENT + 1 == SNAPSHOT_POOL && SNAPSHOT_SEGMENT + 1 == MEMORY_POOL &&
                   MEMORY_SPACE(7) == SNAPSHOT_SPACE(6) + 1,
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

/* The form that was asked for, as save_form_pack made it. */
static void take_form(struct snapshot_write_options *o, const char *name, const char *value)
{
    if (strcmp(name, "base") == 0)
        o->base = value;
    else if (strcmp(name, "encrypt") == 0)
        o->encrypt_key_file = value;
    else if (strcmp(name, "sign") == 0)
        o->sign_key_file = value;
    else if (strcmp(name, "warm") == 0)
        o->warm = true;
}

int save_form_pack(const struct snapshot_write_options *o)
{
    struct snapshot_pairs pairs = {0};
    int rc = 0, fd = memfd_create("form", MFD_CLOEXEC);

    if (o->base)
        rc |= snapshot_pairs_add(&pairs, "base", "%s", o->base);
    if (o->encrypt_key_file)
        rc |= snapshot_pairs_add(&pairs, "encrypt", "%s", o->encrypt_key_file);
    if (o->sign_key_file)
        rc |= snapshot_pairs_add(&pairs, "sign", "%s", o->sign_key_file);
    if (o->warm)
        rc |= snapshot_pairs_add(&pairs, "warm", "yes");
    if (fd < 0 || rc || (pairs.size && pwrite(fd, pairs.bytes, pairs.size, 0) < 0))
        need(NULL);
    snapshot_pairs_free(&pairs);
    return fd;
}

/* What programs saw of the CPU, and where that was. */
static int note_host(struct snapshot_writer *w, const struct save_file *f,
                     struct snapshot_error *error)
{
    struct snapshot_pairs cpu = {0}, kernel = {0};

    if (snapshot_cpu_describe(&cpu, f->cpu_level) ||
        snapshot_pairs_add(&kernel, "release", "%s", f->host.release) ||
        snapshot_pairs_add(&kernel, "machine", "%s", f->host.machine))
        need(NULL);
    int rc = snapshot_put_meta(w, "cpu", cpu.bytes, cpu.size, error);
    if (rc == 0)
        rc = snapshot_put_meta(w, "kernel", kernel.bytes, kernel.size, error);
    snapshot_pairs_free(&cpu);
    snapshot_pairs_free(&kernel);
    return rc;
}

static void *sink_open(void *context, int fd, int form, const uint8_t image[32], struct error *err)
{
    struct save_file *f = context;
    struct snapshot_write_options o = {.abi_version = BOOT_VERSION};
    struct snapshot_error error = {0};
    char pairs[FORM_MAX];
    const char *name, *value;
    size_t at = 0;

    ssize_t size = form >= 0 ? pread(form, pairs, sizeof(pairs), 0) : 0;
    while (size > 0 && snapshot_pairs_next(pairs, (size_t)size, &at, &name, &value))
        take_form(&o, name, value);
    memcpy(o.image, image, sizeof(o.image));
    struct snapshot_writer *w = fd >= 0 ? snapshot_writer_open_fd(fd, "the snapshot", &o, &error)
                                        : snapshot_writer_open(f->path, &o, &error);
    if (w && note_host(w, f, &error)) {
        snapshot_abandon(w);
        w = NULL;
    }
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

static int sink_capture(void *file, const struct memory_at_rest *memory, struct error *err)
{
    return capture_memory(memory, sink_put, file, err);
}

static int sink_finish(void *file, struct error *err)
{
    struct snapshot_error error = {0};

    return snapshot_finish(file, NULL, &error) ? give_error(err, &error) : 0;
}

static void sink_abandon(void *file) { snapshot_abandon(file); }

void save_file_init(struct save_file *f, struct sandbox_config *config)
{
    static char path[NAME_LENGTH_MAX + 16];

    snprintf(path, sizeof(path), "%s.bailey", config->name ? config->name : "sandbox");
    f->path = config->save_path ? config->save_path : path;
    if (config->save_signal || config->save_on_exit || config->save_idle_seconds)
        config->save_path = f->path;
    f->cpu_level = config->cpu_level;
    config->save = &f->sink;
    uname(&f->host); /* the monitor may not ask later */
    f->sink = (struct memory_sink){.context = f,
                                   .open = sink_open,
                                   .note = sink_note,
                                   .capture = sink_capture,
                                   .copy = capture_copy,
                                   .finish = sink_finish,
                                   .abandon = sink_abandon};
}
