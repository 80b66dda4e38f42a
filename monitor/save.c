/* A save, from the wish to the file.
 *
 * The wish is left in boot_info; the inside answers with one call when all its threads
 * rest (HOST_CALL_FREEZE_READY), and while that call is not answered nothing moves.  So
 * everything is read and written within its handler.  Then the sandbox ends, or, with
 * `keep` or after a failure, the answer lets it go on.
 *
 * With `keep` the inside gives copies of its address spaces instead, if it can.  Then only the
 * two memory objects are copied within the handler; a thread writes the file beside the loop, from
 * those and the copies.  It touches nothing but `writing`, which the loop leaves alone until
 * `done`; the configuration does not change.
 */
#include "save.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../abi/layout.h"
#include "manage.h"
#include "memory_file.h"
#include "place.h"
#include "serve.h"

#define PATIENCE_MS 10000
#define GIVE_UP_S   2

static struct {
    bool wanted, keep;
    int fd, options;
    uint64_t client;
    int64_t began, stopped; /* us; for how long the sandbox was kept from running */
} request = {.fd = -1, .options = -1};

static struct {
    struct sandbox *s;
    struct request message; /* the call's, with what it says is saved */
    struct memory_at_rest memory;
    struct error err;
    int rc, number; /* errno */
    pthread_t thread;
    bool beside; /* by that thread */
} writing;

int save_start(struct sandbox *s, int fd, int options, unsigned how, uint64_t client)
{
    if (!s->config->save)
        return -ENOSYS;
    if (request.wanted)
        return -EALREADY;
    request.wanted = true;
    request.keep = how & MANAGE_SAVE_KEEP;
    request.fd = fd;
    request.options = options;
    request.client = client;
    request.began = now_us();
    s->save_deadline = request.began / 1000 + PATIENCE_MS;
    uint32_t wish = BOOT_FREEZE | (how & MANAGE_SAVE_KEEP ? BOOT_FREEZE_KEEP : 0) |
                    (how & MANAGE_SAVE_CARRY ? BOOT_FREEZE_CARRY : 0);
    __atomic_store_n(&s->boot->freeze, wish, __ATOMIC_SEQ_CST);
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

/* ---- the file ----------------------------------------------------------------------- */

static int put_notes(struct sandbox *s, const struct request *r, void *file, struct error *err)
{
    const struct saved_state state = {.spaces = (uint32_t)r->a5,
                                      .boot_version = BOOT_VERSION,
                                      .xsave_size = s->xsave_size,
                                      .xcr0 = s->xcr0};
    const struct memory_sink *sink = s->config->save;

    return sink->note(file, "state", &state, sizeof(state), err) ||
                   sink->note(file, "summary", r->data, r->length, err)
               ? -1
               : 0;
}

static int write_file(void)
{
    struct sandbox *s = writing.s;
    const struct memory_sink *sink = s->config->save;
    struct error *err = &writing.err;
    uint8_t image[32];

    image_identity(image);
    void *file = sink->open(sink->context, request.fd, request.options, image, err);

    if (!file)
        return -1;
    if (put_notes(s, &writing.message, file, err) || sink->capture(file, &writing.memory, err)) {
        sink->abandon(file);
        return -1;
    }
    return sink->finish(file, err);
}

static void *write_beside(void *unused)
{
    (void)unused;
    writing.rc = write_file();
    writing.number = errno;
    eventfd_write(writing.s->save_fd, 1);
    return NULL;
}

static void close_copies(void)
{
    close(writing.memory.segment_fd);
    close(writing.memory.pool_fd);
}

/* While it is not answered, nothing moves.  False: it has to be written so. */
static bool begin_beside(struct sandbox *s)
{
    int segment = s->config->save->copy(s->segment_fd, SEG_SIZE);
    int pool = segment < 0 ? -1 : s->config->save->copy(s->pool_fd, POOL_SIZE);

    s->save_fd = pool < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    if (s->save_fd >= 0) {
        writing.memory.segment_fd = segment;
        writing.memory.pool_fd = pool;
        if (pthread_create(&writing.thread, NULL, write_beside, NULL) == 0) {
            s->copies = writing.beside = true;
            s->save_deadline = INT64_MAX;
            return true;
        }
        close(s->save_fd);
        s->save_fd = -1;
    }
    if (pool >= 0)
        close(pool);
    if (segment >= 0)
        close(segment);
    return false;
}

/* Says how it went: 0 or -errno. */
static int conclude(struct sandbox *s)
{
    char text[1200];

    free((void *)writing.memory.spaces);
    writing.memory.spaces = NULL;
    if (!writing.rc && request.client && !manage_client(request.client)) {
        writing.number = ECANCELED; /* nobody is left who gives the file its name */
        writing.rc = error_set(&writing.err, 0, "bailey save was ended");
    }
    malloc_trim(0); /* some megabytes that compressing took */
    if (!writing.rc) {
        answer(s, request.keep ? request.stopped : 0, NULL);
        return 0;
    }
    int number = writing.number ? writing.number : EIO;
    snprintf(text, sizeof(text), "save: %s: the sandbox goes on", writing.err.text);
    answer(s, -number, text);
    return -number;
}

static void end_beside(struct sandbox *s)
{
    close_copies();
    close(s->save_fd);
    s->save_fd = -1;
    writing.beside = s->copies = false;
    s->boot->save_result = conclude(s);
    __atomic_store_n(&s->boot->save_done, 1, __ATOMIC_SEQ_CST);
}

void save_look(struct sandbox *s)
{
    __atomic_store_n(&s->boot->freeze, 0, __ATOMIC_SEQ_CST);
    answer(s, -ETIMEDOUT, "save: the sandbox does not come to rest: it goes on");
}

void save_written(struct sandbox *s)
{
    pthread_join(writing.thread, NULL);
    end_beside(s);
    sandbox_mail(s);
}

/* What program 1 left behind when it exited is written to the end.  Whoever is ended from outside
 * runs no further: its file is given up, and whoever does not read it is not waited for. */
void save_end(struct sandbox *s)
{
    struct timespec limit;

    if (!writing.beside)
        return;
    if (!s->exited)
        sandbox_kill(s);
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += s->exited ? INT32_MAX : GIVE_UP_S;
    if (pthread_clockjoin_np(writing.thread, NULL, CLOCK_MONOTONIC, &limit) == 0)
        end_beside(s);
}

/* ---- the call of the inside ------------------------------------------------------------ */

/* The list is copied once; every process must be one of ours. */
static struct host_space *take_spaces(struct sandbox *s, const struct request *r)
{
    uint64_t count = r->a5, size = count * sizeof(struct host_space);

    if (count == 0 || count > HOST_SPACES_MAX || r->a4 > SEG_SIZE - size)
        return NULL;
    struct host_space *spaces = malloc(size);
    if (!spaces)
        return NULL;
    memcpy(spaces, s->segment + r->a4, size);
    for (uint64_t i = 0; i < count; i++) {
        if (!process_is_ours(s, spaces[i].pid) || spaces[i].number >= HOST_SPACES_MAX) {
            free(spaces);
            return NULL;
        }
    }
    return spaces;
}

long serve_freeze_ready(struct sandbox *s, struct request *r)
{
    bool copies = r->a6 == HOST_FREEZE_COPIES, end = !request.keep;

    if (!request.wanted || writing.beside)
        return -ECANCELED;
    if (r->a6 && !copies) {
        int64_t why = r->a6 < 4096 ? (int64_t)r->a6 : EIO;
        answer(s, -why, "save: the sandbox does not come to rest: it goes on");
        return 0;
    }
    struct host_space *spaces = take_spaces(s, r);
    if (!spaces)
        return MALFORMED;
    place_identity(false);
    writing.s = s;
    writing.message = *r;
    writing.err = (struct error){0};
    writing.memory =
        (struct memory_at_rest){s->segment_fd, s->pool_fd, &s->resumed, spaces, (uint32_t)r->a5};
    if (copies && request.keep && begin_beside(s)) {
        request.stopped = now_us() - request.began;
        return 0;
    }
    writing.rc = write_file();
    writing.number = errno;
    request.stopped = now_us() - request.began;
    int rc = conclude(s);
    if (rc < 0)
        return rc;
    if (!end) {
        s->boot->save_result = 0;
        __atomic_store_n(&s->boot->save_done, copies, __ATOMIC_SEQ_CST);
        sandbox_mail(s);
        return 0;
    }
    s->ended = true;
    return NO_ANSWER;
}
