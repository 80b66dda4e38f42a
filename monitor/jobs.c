/* Programs that are started in a running sandbox: between clients and the library OS.
 *
 * The monitor cannot call the inside.  It leaves a bit in boot_info and rings; the library
 * OS opens the job's descriptors (job:N/K) and reports what became of it.  A job belongs
 * to the connection that began it, whose end is a hang-up for the program.
 */
#include "manage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STREAMS 4 /* the job itself, stdin, stdout, stderr */

struct job {
    bool used, detached;
    uint64_t client;
    int fds[STREAMS]; /* -1: taken */
};

static struct job jobs[BOOT_JOBS]; /* 0 stands for program 1 */

static void post(struct sandbox *s, unsigned n)
{
    __atomic_fetch_or(&s->boot->job_mail, 1ULL << n, __ATOMIC_SEQ_CST);
    sandbox_mail(s);
}

static int64_t post_signal(struct sandbox *s, unsigned n, uint64_t sig)
{
    if (sig < 1 || sig > 64)
        return -EINVAL;
    __atomic_fetch_or(&s->boot->jobs[n].signals, 1ULL << (sig - 1), __ATOMIC_SEQ_CST);
    post(s, n);
    return 0;
}

/* Killing asks nobody inside. */
int64_t jobs_program_signal(struct sandbox *s, struct client *c, const struct manage_request *r,
                            int *fds, int count)
{
    if (r->a != SIGKILL)
        return post_signal(s, 0, r->a);
    s->exit_code = 128 + SIGKILL;
    s->ended = true;
    return 0;
}

/* 0: none. */
static unsigned job_of(uint64_t client)
{
    unsigned n = BOOT_JOBS;

    while (--n > 0 && !(jobs[n].used && jobs[n].client == client))
        ;
    return n;
}

int64_t jobs_begin(struct sandbox *s, struct client *c, const struct manage_request *r, int *fds,
                   int count)
{
    uint64_t client = manage_client_id(c);
    unsigned n = 1;

    if (count != STREAMS || job_of(client))
        return -EINVAL;
    while (n < BOOT_JOBS && jobs[n].used)
        n++;
    if (n == BOOT_JOBS)
        return -EAGAIN;
    jobs[n] = (struct job){true, r->b & 1, client, {fds[0], fds[1], fds[2], fds[3]}};
    for (int i = 0; i < STREAMS; i++)
        fds[i] = -1;
    s->boot->jobs[n] = (struct boot_job){0, 0, 0};
    __atomic_fetch_or(&s->boot->job_new, 1ULL << n, __ATOMIC_SEQ_CST);
    post(s, n);
    return 0;
}

int64_t jobs_signal(struct sandbox *s, struct client *c, const struct manage_request *r, int *fds,
                    int count)
{
    unsigned n = job_of(manage_client_id(c));

    return n ? post_signal(s, n, r->a) : -ESRCH;
}

int64_t jobs_window(struct sandbox *s, struct client *c, const struct manage_request *r, int *fds,
                    int count)
{
    unsigned n = job_of(manage_client_id(c));

    if (!n)
        return -ESRCH;
    __atomic_store_n(&s->boot->jobs[n].window, (uint32_t)r->a, __ATOMIC_SEQ_CST);
    post(s, n);
    return 0;
}

void jobs_client_gone(struct sandbox *s, uint64_t client)
{
    unsigned n = job_of(client);

    if (n && !jobs[n].detached)
        post_signal(s, n, SIGHUP);
}

/* ---- the inside ----------------------------------------------------------------------- */

int jobs_open(const char *name)
{
    unsigned n = 0, k;

    while (*name >= '0' && *name <= '9' && n < BOOT_JOBS)
        n = n * 10 + (unsigned)(*name++ - '0');
    k = name[0] == '/' && name[1] ? (unsigned)(name[1] - '0') : STREAMS;
    if (n >= BOOT_JOBS || !jobs[n].used || k >= STREAMS || name[2] || jobs[n].fds[k] < 0)
        return -ENOENT;
    int fd = jobs[n].fds[k];
    jobs[n].fds[k] = -1;
    return fd;
}

static void finish(struct job *job)
{
    for (int i = 0; i < STREAMS; i++)
        if (job->fds[i] >= 0)
            close(job->fds[i]);
    memset(job, 0, sizeof(*job));
}

long jobs_report(uint64_t a, uint64_t b)
{
    static const enum manage_kind kinds[] = {[HOST_JOB_STARTED] = MANAGE_JOB_STARTED,
                                             [HOST_JOB_FAILED] = MANAGE_JOB_FAILED,
                                             [HOST_JOB_ENDED] = MANAGE_JOB_ENDED};
    uint64_t n = a >> 32, what = a & 0xffffffff;

    if (n == 0 || n >= BOOT_JOBS || !jobs[n].used || what < HOST_JOB_STARTED ||
        what > HOST_JOB_ENDED)
        return -EINVAL;
    struct client *c = manage_client(jobs[n].client);
    if (c)
        manage_answer(c, kinds[what], (int64_t)(b & 0xffffffff));
    if (what != HOST_JOB_STARTED)
        finish(&jobs[n]);
    return 0;
}
