/* What `bailey resume` and `bailey clone` share. */
#ifndef BAILEY_CLI_RESUME_H
#define BAILEY_CLI_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"
#include "description.h"
#include "memory_file.h"
#include "settings.h"
#include "snapshot/snapshot.h"
#include "volume.h"

/* What the options say. */
struct resume {
    struct settings given; /* first: the options of a run that may be given anew */
    struct snapshot_read_options read;
    const char *name;
    struct volumes volumes;
    bool quiet, stats, debug, detach, grant, hold;
    bool unnamed;    /* detached, and its name is not printed */
    uint64_t copies; /* of clone */
};

/* Opens a snapshot, checked, that this CPU can go on with: from a descriptor, which stays the
 * caller's, or, if that is -1, by its path.  0 or an exit code after a message. */
int resume_open(struct memory_base *base, int fd, const struct resume *s, const char *path);
void resume_close(struct memory_base *base);
/* What a resume is to be like, as far as it can be known before the start: once for all copies.
 * Changes *s.  0 or an exit code after a message; to be freed in any case. */
struct settled {
    struct description description;
    char *image;
    struct surroundings {
        bool made; /* by resume_prepare: the same for all that are split off */
        struct cgroup group;
        struct save_file save; /* how the next one is made */
    } around;
};
int resume_settle(struct settled *to, const struct memory_base *base, struct resume *s,
                  const char *path);
void settled_free(struct settled *settled);
/* Goes on from it.  Returns an exit code: of the program, or, detached, of the start; then it
 * returns in the new process as well, when all is over.  s->name may be another than before. */
int resume_run(struct settled *settled, struct memory_base *base, struct resume *s);
/* In a process that goes on from it again and again, detached, and does nothing else: what the
 * monitors of all have in common is made once, as far as that can be.  0 or an exit code after a
 * message. */
int resume_prepare(struct settled *settled, struct resume *s);
/* Frees what options hold. */
void resume_end(struct resume *s);

#endif
