/* A new sandbox from a snapshot.
 *
 * Everything in the file is somebody else's: its digests are checked before it is used, but
 * who wrote it may be hostile.  It becomes contents of the memory objects and nothing else;
 * of the saved boot_info only what the inside alone reads is kept, and the inside is not
 * trusted with it more than with anything.
 */
#include "save.h"

#include <string.h>
#include <sys/resource.h>

#include "../abi/gate.h"
#include "../abi/layout.h"
#include "memory_file.h"

#define SPACES_MAX 65536u

static int refuse(struct sandbox *s, const char *why, const char *hint)
{
    error_set(s->err, 0, "resume: %s", why);
    return hint ? error_hint(s->err, "%s", hint) : -1;
}

/* ---- what the host must have ---------------------------------------------------------- */

static int check(struct sandbox *s, struct saved_state *state)
{
    const struct memory_source *from = s->config->resume;
    uint8_t image[32];
    size_t len;
    const void *bytes = from->note(from->context, "state", &len);

    if (!bytes || len != sizeof(*state))
        return refuse(s, "the file holds no sandbox", NULL);
    memcpy(state, bytes, sizeof(*state));
    image_identity(image);
    if (memcmp(image, from->image, sizeof(from->image)) != 0)
        return refuse(s, "saved by another version of bailey",
                      "resume it with the version that saved it");
    if (state->xsave_size != s->xsave_size || state->xcr0 != s->xcr0)
        return refuse(s, "saved on a CPU with other vector registers",
                      "resume it on a machine of the same kind");
    if (state->spaces == 0 || state->spaces > SPACES_MAX)
        return refuse(s, "the file holds no process", NULL);
    return 0;
}

int resume_memory(struct sandbox *s)
{
    const struct memory_source *from = s->config->resume;
    struct saved_state state;

    if (check(s, &state) < 0)
        return -1;
    if (from->fill(from->context, MEMORY_SEGMENT, s->segment_fd, SEG_SIZE, s->err) ||
        from->fill(from->context, MEMORY_POOL, s->pool_fd, POOL_SIZE, s->err) ||
        from->private_memory(from->context, &s->resumed, s->boot, s->err))
        return error_wrap(s->err, "resume");
    return 0;
}

void resume_boot(const struct sandbox_config *c, struct boot_info *saved,
                 const struct boot_info *fresh)
{
    const uint32_t of_run = BOOT_TTY_STDIN | BOOT_TRACE | BOOT_DIFF | BOOT_DIFF_LIST |
                            BOOT_NO_REWRITE | BOOT_STATS | BOOT_TELL_STARTED | BOOT_SAVE_EXIT |
                            BOOT_HOLD;

    saved->magic = BOOT_MAGIC;
    saved->version = BOOT_VERSION;
    saved->flags = (saved->flags & ~of_run) | boot_flags(c) | BOOT_RESUME;
    /* Other handles are always the same, and this is the build that wrote them. */
    saved->trace_handle = fresh->trace_handle;
    saved->diff_handle = fresh->diff_handle;
    saved->pages_handle = GATE_FD_PAGES;
    saved->runs_handle = GATE_FD_RUNS;
    saved->memory_total = fresh->memory_total;
    saved->memory_limit = fresh->memory_limit;
    saved->pids_max = fresh->pids_max;
    if (c->files_max)
        memcpy(saved->rlimits[RLIMIT_NOFILE], fresh->rlimits[RLIMIT_NOFILE], 16);
    if (c->output_limit)
        memcpy(saved->rlimits[RLIMIT_FSIZE], fresh->rlimits[RLIMIT_FSIZE], 16);
    memcpy(saved->new_hostname, fresh->new_hostname, sizeof(saved->new_hostname));
    saved->vdso = fresh->vdso;
    saved->host_uid = fresh->host_uid;
    saved->host_gid = fresh->host_gid;
    saved->net_flags = fresh->net_flags;
    saved->net_address = fresh->net_address;
    saved->nports = fresh->nports;
    memcpy(saved->ports, fresh->ports, fresh->nports * sizeof(saved->ports[0]));
    saved->mailbox_signals = 0;
    saved->freeze = saved->save_done = 0;
    for (uint32_t i = 0; i < saved->nmounts && i < BOOT_MOUNTS_MAX; i++)
        saved->mounts[i].attr = i < fresh->nmounts ? fresh->mounts[i].attr : (struct host_attr){0};
    saved->winsize_changed = isatty(STDIN_FILENO) || isatty(STDOUT_FILENO);
}
