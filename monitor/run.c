/* monitor_run: sets up what a sandbox needs, runs it, takes it down. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../abi/layout.h"
#include "image.h"
#include "landlock.h"
#include "lockdown.h"
#include "place.h"
#include "policy.h"

#define DIRECTORY (O_PATH | O_DIRECTORY)

void sandbox_config_init(struct sandbox_config *config)
{
    *config = (struct sandbox_config){
        .umask = 022, .trace_fd = -1, .diff_fd = -1, .net_service = -1, .cgroup_fd = -1};
}

/* "/a/b" as the policy has it: "a/b".  Also drops a trailing slash. */
static void policy_path(char *to, size_t size, const char *path)
{
    size_t n;

    while (*path == '/')
        path++;
    n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    if (n >= size)
        n = size - 1;
    memcpy(to, path, n);
    to[n] = 0;
}

bool monitor_path_visible(const char *path, const char *workdir)
{
    char p[PATH_MAX], w[PATH_MAX];

    policy_path(p, sizeof(p), path);
    policy_path(w, sizeof(w), workdir ? workdir : "");
    return policy_visible(p, w) != POLICY_HIDDEN;
}

/* ---- exports ------------------------------------------------------------------------ */

int sandbox_open(struct sandbox *s, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0) {
        bool missing = errno == ENOENT;
        error_set(s->err, errno, "%s", path);
        if (missing && strncmp(path, "/proc/", 6) == 0)
            error_hint(s->err, "/proc must be mounted");
    }
    return fd;
}

/* Directory the program starts in, and what of the host base it makes visible. */
static int find_workdir(struct sandbox *s)
{
    const struct sandbox_config *c = s->config;
    char here[PATH_MAX];
    const char *dir = c->workdir;

    if (!dir && c->root_mode == SANDBOX_ROOT_HOST)
        dir = getcwd(here, sizeof(here));
    if (!dir || *dir != '/')
        dir = "/";
    if (strlen(dir) >= sizeof(s->cwd))
        return error_set(s->err, ENAMETOOLONG, "working directory");
    strcpy(s->cwd, dir);
    s->workdir_fd = -1;
    if (c->root_mode != SANDBOX_ROOT_HOST)
        return 0;
    char real[PATH_MAX];
    if (!realpath(dir, real))
        return 0; /* a path of the guest's own */
    policy_path(s->workdir, sizeof(s->workdir), real);
    if (!policy_workdir(s->workdir) || policy_visible(s->workdir, "") == POLICY_SYSTEM) {
        bool hidden = policy_visible(s->workdir, "") == POLICY_HIDDEN;
        s->workdir[0] = 0; /* nothing to add to what everybody sees */
        if (hidden && !c->workdir) {
            strcpy(s->cwd, "/");
            if (!c->quiet)
                say("%s is not shown inside: starting in /", real);
        }
        return 0;
    }
    s->workdir_fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->workdir_fd < 0)
        s->workdir[0] = 0;
    return 0;
}

/* A working directory where the guest has a file system of its own (/tmp ...) is mounted
 * there again. */
static int export_workdir(struct sandbox *s)
{
    static const char *const covered[] = {"tmp", "run", "dev/shm"};
    static char guest[PATH_MAX + 1];
    bool needed = false;

    for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
        size_t n = strlen(covered[i]);
        needed |=
            strncmp(s->workdir, covered[i], n) == 0 && (s->workdir[n] == 0 || s->workdir[n] == '/');
    }
    if (!needed || s->workdir_fd < 0)
        return 0;
    snprintf(guest, sizeof(guest), "/%s", s->workdir);
    struct export *ex = &s->exports[s->export_count++];
    *ex = (struct export){.dir = fcntl(s->workdir_fd, F_DUPFD_CLOEXEC, 3),
                          .read_only = true,
                          .cache = true,
                          .overlay = true,
                          .guest = guest,
                          .source = guest};
    return ex->dir < 0 ? error_set(s->err, errno, "%s", guest) : 0;
}

/* A resume can do without: nothing has a name there. */
static bool absent(const char *host) { return !*host; }

static int add_absent(struct sandbox *s, struct export *ex)
{
    ex->dir = -1;
    s->export_count++;
    return 0;
}

static int export_volume(struct sandbox *s, const struct sandbox_volume *v)
{
    struct export *ex = &s->exports[s->export_count];
    char real[PATH_MAX];
    struct stat st;

    *ex = (struct export){
        .read_only = v->read_only, .cache = v->cache, .guest = v->guest, .source = v->host};
    if (absent(v->host))
        return add_absent(s, ex);
    if (!realpath(v->host, real) || stat(real, &st) < 0)
        return error_set(s->err, errno, "volume %s", v->host);
    if (!S_ISDIR(st.st_mode)) {
        char *slash = strrchr(real, '/');
        if (!S_ISREG(st.st_mode))
            return error_set(s->err, 0, "volume %s: neither a directory nor a regular file",
                             v->host);
        ex->file = strdup(slash + 1);
        slash[slash == real] = 0;
        if (!ex->file)
            return error_set(s->err, ENOMEM, "volume");
    }
    ex->dir = sandbox_open(s, real, DIRECTORY);
    if (ex->dir < 0)
        return error_wrap(s->err, "volume");
    s->export_count++;
    return 0;
}

static int export_image(struct sandbox *s, const char *image, char *const *devices)
{
    if (export_volume(s, &(struct sandbox_volume){image, "/", true, true}) < 0)
        return -1;
    for (; devices && *devices; devices++) {
        if (export_volume(s, &(struct sandbox_volume){*devices, "", true, true}) < 0)
            return -1;
        s->exports[s->export_count - 1].device = true;
    }
    return 0;
}

static size_t device_count(const struct sandbox_config *c)
{
    size_t n = 0;

    while (c->root_devices && c->root_devices[n])
        n++;
    return n;
}

static int export_root(struct sandbox *s)
{
    const struct sandbox_config *c = s->config;
    if (c->root_mode == SANDBOX_ROOT_IMAGE)
        return export_image(s, c->root_image, c->root_devices);
    struct export *ex = &s->exports[s->export_count];
    bool host = c->root_mode == SANDBOX_ROOT_HOST;

    *ex = (struct export){.read_only = true,
                          .host_base = host,
                          .cache = host,
                          .guest = "/",
                          .source = host ? "host" : c->root_dir};
    if (!host && absent(c->root_dir))
        return add_absent(s, ex);
    s->export_count++;
    ex->dir = sandbox_open(s, host ? "/" : c->root_dir, DIRECTORY);
    return ex->dir < 0 ? error_wrap(s->err, "root") : 0;
}

static int make_exports(struct sandbox *s)
{
    if (s->config->volume_count + device_count(s->config) > MONITOR_VOLUMES_MAX)
        return error_set(s->err, 0, "more than %d volumes", MONITOR_VOLUMES_MAX);
    if (find_workdir(s) < 0 || export_root(s) < 0 || export_workdir(s) < 0)
        return -1;
    for (size_t i = 0; i < s->config->volume_count; i++)
        if (export_volume(s, &s->config->volumes[i]) < 0)
            return -1;
    return 0;
}

/* ---- the process -------------------------------------------------------------------------- */

/* Standard descriptors that are closed stay closed inside; here they are filled, so that
 * no descriptor of the monitor's can be taken for one of them. */
static void fill_stdio_gaps(struct sandbox *s)
{
    for (int fd = 0; fd < 3; fd++) {
        s->stdio_closed[fd] = fcntl(fd, F_GETFD) < 0;
        if (s->stdio_closed[fd])
            (void)!open("/dev/null", O_RDWR); /* takes the lowest number: this one */
    }
}

static void take_signals(struct sandbox *s, sigset_t *before)
{
    static const int taken[] = {SIGCHLD, SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                                SIGUSR1, SIGUSR2, SIGTSTP, SIGWINCH, SIGCONT};

    sigemptyset(&s->signals);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&s->signals, taken[i]);
    sigprocmask(SIG_BLOCK, &s->signals, before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static void close_all(struct sandbox *s)
{
    const int fds[] = {s->segment_fd, s->pool_fd,  s->poll_fd,  s->probe_fd,  s->kick_fd,
                       s->lifeline,   s->listener, s->proc_fds, s->workdir_fd};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (uint32_t i = 0; i < s->export_count; i++) {
        close(s->exports[i].dir);
        free(s->exports[i].file);
    }
    if (s->segment)
        munmap(s->segment, SEG_SIZE);
    for (int fd = 0; fd < 3; fd++)
        if (s->stdio_closed[fd])
            close(fd);
}

static struct sandbox sandbox;

static void begin(struct sandbox *s, const struct sandbox_config *config, struct error *err)
{
    if (s->config && !s->prepared) /* only another one of this process leaves anything to clear */
        memset(s, 0, sizeof(*s));
    memset(err, 0, sizeof(*err));
    s->config = config;
    s->err = err;
    s->segment_fd = s->pool_fd = s->poll_fd = s->probe_fd = s->kick_fd = s->lifeline = -1;
    s->resumed.runs = -1;
    s->save_deadline = INT64_MAX;
    s->listener = s->proc_fds = s->tty_saved_fd = s->manage_fd = s->save_fd = -1;
    s->workdir_fd = s->prepared ? s->workdir_fd : -1;
    fill_stdio_gaps(s);
}

void monitor_prepare(void)
{
    static struct error again; /* when it matters */

    sandbox.err = &again;
    spawn_prepare(&sandbox);
}

int monitor_prepare_walls(const struct sandbox_config *config, struct error *err)
{
    begin(&sandbox, config, err);
    sandbox.prepared =
        make_exports(&sandbox) == 0 && boot_prepare(&sandbox) == 0 && lockdown_files(&sandbox) == 0;
    malloc_trim(0); /* the copies' heaps are this one's pages */
    return sandbox.prepared ? 0 : -1;
}

/* What is shared with others that were split off is shared no further. */
static int build_walls(struct sandbox *s)
{
    if (!s->prepared)
        return make_exports(s) < 0 ? -1 : lockdown_files(s);
    int rc = landlock_nest();
    return rc < 0 ? error_set(s->err, -rc, "a Landlock domain of its own") : 0;
}

/* What the library OS counted came before, from inside. */
static void tell_stats(const struct sandbox *s, int64_t start, int64_t run)
{
    struct rusage use;

    getrusage(RUSAGE_CHILDREN, &use);
    say("stats: on the host %ld faults, %ld of them from disk; %ld waits, %ld times preempted; "
        "CPU %ld us user, %ld us system",
        use.ru_minflt + use.ru_majflt, use.ru_majflt, use.ru_nvcsw, use.ru_nivcsw,
        use.ru_utime.tv_sec * 1000000 + use.ru_utime.tv_usec,
        use.ru_stime.tv_sec * 1000000 + use.ru_stime.tv_usec);
    say("stats: start %lld us, run %lld us, %llu control calls, %llu opens, %llu refused",
        (long long)start, (long long)run, (unsigned long long)s->count.calls,
        (unsigned long long)s->count.opens, (unsigned long long)s->count.refused);
}

int monitor_run(const struct sandbox_config *config, struct error *err)
{
    struct sandbox *s = &sandbox;
    struct sigaction pipe_before, size_before;
    sigset_t mask_before;
    int64_t start = now_us(), running;

    begin(s, config, err);
    sigaction(SIGPIPE, NULL, &pipe_before);
    sigaction(SIGXFSZ, NULL, &size_before);
    take_signals(s, &mask_before);
    mode_t umask_before = umask(0); /* the library OS applies the program's */

    if (build_walls(s) < 0 || sandbox_spawn(s) < 0) {
        s->failed = true;
        s->exit_code = err->exit_code;
        sandbox_kill(s);
    } else {
        running = now_us();
        sandbox_loop(s);
        if (config->stats)
            tell_stats(s, running - start, now_us() - running);
    }
    close_all(s);
    place_identity(false); /* the caller goes on as who it was */
    umask(umask_before);
    sigaction(SIGPIPE, &pipe_before, NULL);
    sigaction(SIGXFSZ, &size_before, NULL);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    return s->exit_code;
}
