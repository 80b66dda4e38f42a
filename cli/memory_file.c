/* Between the monitor, which knows no format, and snapshot/, which knows no sandbox. */
#define _GNU_SOURCE
#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/boot.h"
#include "capture.h"
#include "complain.h"
#include "monitor/packet.h"
#include "runtime.h"
#include "snapshot/cpu.h"

enum { FORM_MAX = 16384, FORM_FDS_MAX = SNAPSHOT_FILES_MAX + 2, KEY_MAX = 256 };

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

/* The form that was asked for.  Who writes may open no files but the sandbox's, so it gets them
 * open: the form is a socket with one message, of pairs, and of a descriptor for each that says
 * so, in their order: the base and its bases, and copies of the keys.  There is one at a time. */
static struct {
    char pairs[FORM_MAX];
    int fds[FORM_FDS_MAX], count; /* open until the snapshot is complete */
    int bases[SNAPSHOT_FILES_MAX + 1];
    char keys[2][32];
} form;

static void form_close(void)
{
    while (form.count > 0)
        close(form.fds[--form.count]);
}

/* The length of the pairs, or -1. */
static ssize_t form_receive(int fd)
{
    struct packet p = {form.pairs, sizeof(form.pairs), form.fds, FORM_FDS_MAX, NULL};
    ssize_t n = packet_receive(fd, &p, MSG_DONTWAIT);

    form.count = (int)p.count;
    return n;
}

static const char *key_path(int which, int fd)
{
    snprintf(form.keys[which], sizeof(form.keys[which]), "/proc/self/fd/%d", fd);
    return form.keys[which];
}

static void take_form(struct snapshot_write_options *o, ssize_t size)
{
    const char *name, *value;
    size_t at = 0;
    int next = 0, bases = 0;

    while (snapshot_pairs_next(form.pairs, (size_t)size, &at, &name, &value)) {
        if (strcmp(name, "warm") == 0)
            o->warm = true;
        else if (strcmp(name, "unchecked") == 0)
            o->unchecked = true;
        else if (strcmp(name, "self-contained") == 0)
            o->self_contained = true;
        else if (strcmp(name, "base") == 0)
            o->base = value;
        else if (next >= form.count)
            break;
        else if (strcmp(name, "file") == 0 && bases < SNAPSHOT_FILES_MAX)
            form.bases[bases++] = form.fds[next++];
        else if (strcmp(name, "encrypt") == 0)
            o->encrypt_key_file = key_path(0, form.fds[next++]);
        else if (strcmp(name, "sign") == 0)
            o->sign_key_file = key_path(1, form.fds[next++]);
    }
    form.bases[bases] = -1;
    o->base_fds = form.bases;
}

/* The key as a file without a name; -1 with errno. */
static int copy_key(const char *path)
{
    char text[KEY_MAX];
    int key = open(path, O_RDONLY | O_CLOEXEC), copy = memfd_create("key", MFD_CLOEXEC);
    ssize_t n = key < 0 || copy < 0 ? -1 : read(key, text, sizeof(text));

    if (n >= 0)
        n = fchmod(copy, 0600) < 0 ? -1 : write(copy, text, (size_t)n);
    int error = errno;
    explicit_bzero(text, sizeof(text));
    if (key >= 0)
        close(key);
    if (n < 0 && copy >= 0)
        close(copy);
    errno = error;
    return n < 0 ? -1 : copy;
}

static int form_send(const struct snapshot_pairs *pairs, const int *fds, size_t count)
{
    const struct packet p = {pairs->bytes, pairs->size, (int *)fds, count, NULL};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    bool sent = packet_send(ends[0], &p, 0) == (ssize_t)pairs->size;
    int error = errno;
    close(ends[0]);
    if (!sent)
        close(ends[1]);
    errno = error;
    return sent ? ends[1] : -1;
}
int save_form_pack(const struct snapshot_write_options *o)
{
    const char *const keys[] = {o->encrypt_key_file, o->sign_key_file};
    struct snapshot_pairs pairs = {0};
    int fds[FORM_FDS_MAX], copies[2] = {-1, -1}, fd = -1;
    size_t count = 0;
    bool good = true;

    if (o->self_contained && snapshot_pairs_add(&pairs, "self-contained", "yes"))
        need(NULL);
    /* At least one: an empty message would be none. */
    if (snapshot_pairs_add(&pairs, o->warm ? "warm" : "plain", "yes"))
        need(NULL);
    if (o->unchecked && snapshot_pairs_add(&pairs, "unchecked", "yes"))
        need(NULL);
    if (o->base && snapshot_pairs_add(&pairs, "base", "%s", o->base))
        need(NULL);
    for (; o->base && count < SNAPSHOT_FILES_MAX && o->base_fds[count] >= 0; count++) {
        fds[count] = o->base_fds[count];
        if (snapshot_pairs_add(&pairs, "file", "yes"))
            need(NULL);
    }
    for (int i = 0; i < 2 && good; i++) {
        if (!keys[i])
            continue;
        good = (copies[i] = fds[count++] = copy_key(keys[i])) >= 0;
        if (snapshot_pairs_add(&pairs, i ? "sign" : "encrypt", "yes"))
            need(NULL);
    }
    if (good)
        fd = form_send(&pairs, fds, count);
    int error = errno;
    for (int i = 0; i < 2; i++)
        if (copies[i] >= 0)
            close(copies[i]);
    snapshot_pairs_free(&pairs);
    errno = error;
    return fd;
}

/* The name only now: where many are started, it is all by which they differ. */
static int note_description(struct snapshot_writer *w, struct save_file *f,
                            struct snapshot_error *error)
{
    struct snapshot_pairs *p = &f->description;
    const size_t size = p->size;

    if (f->config->name && snapshot_pairs_add(p, "name", "%s", f->config->name))
        need(NULL);
    int rc = p->size ? snapshot_put_meta(w, "config", p->bytes, p->size, error) : 0;
    p->size = size;
    return rc;
}

/* What programs saw of the CPU, and where that was. */
static int note_host(struct snapshot_writer *w, const struct save_file *f,
                     struct snapshot_error *error)
{
    struct snapshot_pairs cpu = {0}, kernel = {0};

    if (snapshot_cpu_describe(&cpu, f->config->cpu_level) ||
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

static void *sink_open(void *context, int fd, int options, const uint8_t image[32],
                       struct error *err)
{
    struct save_file *f = context;
    struct snapshot_write_options o = {.abi_version = BOOT_VERSION};
    struct snapshot_error error = {0};
    ssize_t size = options >= 0 ? form_receive(options) : 0;

    if (size < 0 || (options >= 0 && size == 0)) {
        form_close();
        errno = EPROTO;
        return error_set(err, errno, "what form it is to have"), NULL;
    }
    take_form(&o, size);
    memcpy(o.image, image, sizeof(o.image));
    struct snapshot_writer *w = fd >= 0 ? snapshot_writer_open_fd(fd, "the snapshot", &o, &error)
                                        : snapshot_writer_open(f->path, &o, &error);
    if (w && (note_host(w, f, &error) || note_description(w, f, &error))) {
        snapshot_abandon(w);
        w = NULL;
    }
    if (!w) {
        form_close();
        give_error(err, &error);
    }
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

    int rc = snapshot_finish(file, NULL, &error);
    form_close();
    return rc ? give_error(err, &error) : 0;
}

static void sink_abandon(void *file)
{
    snapshot_abandon(file);
    form_close();
}

void save_file_init(struct save_file *f, struct sandbox_config *config)
{
    static char path[NAME_LENGTH_MAX + 16];

    *f = (struct save_file){.config = config};
    if (!config->save_path &&
        (config->save_signal || config->save_on_exit || config->save_idle_seconds)) {
        snprintf(path, sizeof(path), "%s.bailey", config->name ? config->name : "sandbox");
        config->save_path = path;
    }
    f->path = config->save_path;
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
