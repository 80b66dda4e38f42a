/* A save, from the wish to the file.
 *
 * The wish is left in boot_info; the inside answers with one call when all its threads
 * rest (HOST_CALL_FREEZE_READY), and while that call is not answered nothing moves.  So
 * everything is read and written within its handler.  Then the sandbox ends, or, with
 * `keep` or after a failure, the answer lets it go on.
 */
#include "save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../abi/layout.h"
#include "capture.h"
#include "manage.h"
#include "place.h"
#include "serve.h"

#define PATIENCE_MS 10000
#define SPACES_MAX  65536

static struct {
    bool wanted, keep;
    int fd, options;
    uint64_t client;
} request = {.fd = -1, .options = -1};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int save_start(struct sandbox *s, int fd, int options, bool keep, uint64_t client)
{
    if (!s->config->save)
        return -ENOSYS;
    if (request.wanted)
        return -EBUSY;
    request.wanted = true;
    request.keep = keep;
    request.fd = fd;
    request.options = options;
    request.client = client;
    s->save_deadline = now_us() / 1000 + PATIENCE_MS;
    __atomic_store_n(&s->boot->freeze, 1, __ATOMIC_SEQ_CST);
    sandbox_mail(s);
    return 0;
}

/* Tells who asked; the wish is over. */
static void answer(struct sandbox *s, int64_t result, const char *text)
{
    struct client *c = request.client ? manage_client(request.client) : NULL;

    if (result < 0 && text && !c)
        say("%s", text);
    if (c)
        manage_answer(c, MANAGE_DONE, result);
    if (request.fd >= 0)
        close(request.fd);
    if (request.options >= 0)
        close(request.options);
    request.fd = request.options = -1;
    request.wanted = false;
    s->save_deadline = INT64_MAX;
}

void save_give_up(struct sandbox *s)
{
    __atomic_store_n(&s->boot->freeze, 0, __ATOMIC_SEQ_CST);
    answer(s, -ETIMEDOUT, "save: the sandbox does not come to rest: it goes on");
}

/* ---- the file ----------------------------------------------------------------------- */

static int put_notes(struct sandbox *s, const struct request *r, void *file, struct error *err)
{
    const struct saved_state state = {.spaces = (uint32_t)r->a5,
                                      .boot_version = BOOT_VERSION,
                                      .xsave_size = s->xsave_size,
                                      .xcr0 = s->xcr0};
    const struct sandbox_config *c = s->config;

    if (c->save->note(file, "state", &state, sizeof(state), err) ||
        c->save->note(file, "summary", r->data, r->length, err))
        return -1;
    return c->description ? c->save->note(file, "config", c->description, c->description_size, err)
                          : 0;
}

static int write_file(struct sandbox *s, const struct request *r, const struct host_space *spaces,
                      struct error *err)
{
    const struct memory_sink *sink = s->config->save;
    uint8_t image[32];

    image_identity(image);
    void *file = sink->open(sink->context, request.fd, request.options, image, err);

    if (!file)
        return -1;
    if (put_notes(s, r, file, err) || capture_memory(s, spaces, (uint32_t)r->a5, sink, file, err)) {
        sink->abandon(file);
        return -1;
    }
    return sink->finish(file, err);
}

/* ---- the call of the inside ------------------------------------------------------------ */

/* The list is copied once; every process must be one of ours. */
static struct host_space *take_spaces(struct sandbox *s, const struct request *r)
{
    uint64_t count = r->a5, size = count * sizeof(struct host_space);

    if (count == 0 || count > SPACES_MAX || r->a4 > SEG_SIZE - size)
        return NULL;
    struct host_space *spaces = malloc(size);
    if (!spaces)
        return NULL;
    memcpy(spaces, s->segment + r->a4, size);
    for (uint64_t i = 0; i < count; i++) {
        if (!process_is_ours(s, spaces[i].pid)) {
            free(spaces);
            return NULL;
        }
    }
    return spaces;
}

long serve_freeze_ready(struct sandbox *s, struct request *r)
{
    struct error err = {0};

    if (!request.wanted)
        return -ECANCELED;
    if (r->a6) {
        answer(s, -EBUSY, "save: the sandbox does not come to rest: it goes on");
        return 0;
    }
    struct host_space *spaces = take_spaces(s, r);
    if (!spaces)
        return MALFORMED;
    place_identity(false);
    int rc = write_file(s, r, spaces, &err);
    free(spaces);
    int number = errno;
    if (rc) {
        char text[1200];
        snprintf(text, sizeof(text), "save: %s: the sandbox goes on", err.text);
        answer(s, -number, text);
        return number ? -number : -EIO;
    }
    bool end = !request.keep;
    answer(s, 0, NULL);
    if (!end)
        return 0;
    s->ended = true;
    return NO_ANSWER;
}
