/* Pages of a snapshot that come while the sandbox runs.
 *
 * A process of its own, a child of the monitor, unpacks the file into the streams that the inside
 * maps, each frame checked before any of it is written.  It dies with the monitor; when it
 * can't go on, the monitor ends the sandbox and says why: the text lies in memory that both have.
 *
 * Whoever waits inside for a page leaves a wish in struct boot_info, which is a hint: anything
 * may stand there, and all it changes is the order. */
#define _GNU_SOURCE
#include "memory_late.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory_file.h"

/* Less comes at once. */
#define LATE_MIN   (16UL << 20)
#define PART_MIN   (4UL << 20)
#define TEXT_MAX   512u
#define FILES_ELSE 32u /* descriptors there are otherwise, and more */

struct late {
    struct memory_base *base;
    const struct places *places;
    struct boot_info *boot;
};

bool memory_is_late(const struct places *p) { return p->size >= LATE_MIN && !p->in_file; }

/* As many as there may be: what is waited for then comes sooner.  Each is a descriptor, three where
 * the first host process begins. */
uint32_t memory_late_parts(const struct places *p)
{
    struct rlimit limit = {0};
    uint64_t parts = p->size / PART_MIN, room = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur > FILES_ELSE)
        room = (limit.rlim_cur - FILES_ELSE) / 8;
    if (parts > room)
        parts = room;
    return parts > BOOT_PAGES_MAX ? BOOT_PAGES_MAX : parts ? (uint32_t)parts : 1;
}

static void tell(struct boot_info *boot, uint32_t state)
{
    __atomic_store_n(&boot->pages_state, state, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&boot->pages_progress, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &boot->pages_progress, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int fill(void *context, uint32_t object, uint64_t offset, const void *data, uint64_t len)
{
    const struct late *l = context;

    return places_fill(l->places, l->base->memory.pages, object, offset, data, len);
}

static void frame_done(void *context) { tell(((struct late *)context)->boot, BOOT_PAGES_COMING); }

static uint32_t frame_wanted(void *context)
{
    const struct late *l = context;
    uint64_t wish = __atomic_load_n(&l->boot->pages_wish, __ATOMIC_RELAXED);

    return wish ? places_frame(l->places, BOOT_WISH_SPACE(wish), BOOT_WISH_ADDR(wish))
                : SNAPSHOT_NO_FRAME;
}

static int unpack(struct late *l, struct snapshot_error *error)
{
    const struct snapshot_parts parts = {.start = l->places->start,
                                         .count = l->places->parts,
                                         .wanted = frame_wanted,
                                         .done = frame_done};
    const struct memory_private *m = &l->base->memory;

    if (snapshot_load_parts(l->base->reader, &l->places->pieces, fill, &parts, l, error))
        return -1;
    for (uint32_t i = 0; i < m->count; i++)
        if (sealed_object_close(m->pages[i]))
            return -1;
    return 0;
}

static _Noreturn void run(struct late *l, char *failure)
{
    struct snapshot_error error = {0};

    if (unpack(l, &error)) {
        snprintf(failure, TEXT_MAX, "resume: %s",
                 error.text[0] ? error.text : "memory could not be filled");
        _exit(1);
    }
    tell(l->boot, BOOT_PAGES_CAME);
    _exit(0);
}

int memory_late_start(struct memory_base *b, const struct places *p, struct boot_info *boot)
{
    struct memory_private *m = &b->memory;
    const pid_t monitor = getpid();
    struct late late = {b, p, boot};
    char *failure = mmap(NULL, TEXT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (failure == MAP_FAILED)
        return -1;
    strcpy(failure, "resume: what reads the rest of the snapshot was killed");
    m->failure = failure;
    boot->pages_wish = 0;
    boot->pages_state = BOOT_PAGES_COMING;
    m->writer = fork();
    if (m->writer == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != monitor)
            _exit(1);
        run(&late, failure);
    }
    return m->writer < 0 ? -1 : 0;
}
