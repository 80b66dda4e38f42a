/* The runtime directory; see runtime.h.
 *
 * Directories come and go under an flock on ".lock", so a cleaner never meets one that is
 * half made.  The lock of a directory itself is taken once, by the monitor that owns it,
 * and lasts as long as that process: who gets it shared knows that the owner is gone.
 */
#define _GNU_SOURCE
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "complain.h"
#include "state.h"

#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define KILLED_CODE 137 /* of a detached run whose monitor was killed */

struct runtime {
    int dir, lock;
};

static int kept = -1; /* the directory, where it is needed again and again */

/* ---- the directory itself -------------------------------------------------------------- */

static bool ours(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* $XDG_RUNTIME_DIR where it is this user's (sudo may leave another's), or one of our own. */
static void runtime_path(char *path, size_t size)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");

    if (xdg && *xdg == '/' && strlen(xdg) < size - 8 && ours(xdg))
        snprintf(path, size, "%s/bailey", xdg);
    else if (geteuid() == 0 && access("/run", W_OK) == 0)
        snprintf(path, size, "/run/bailey");
    else
        snprintf(path, size, "/tmp/bailey-%u", (unsigned)geteuid());
}

void runtime_directory(char *path, size_t size)
{
    runtime_path(path, size);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        *path = 0;
}

static int fail(bool quiet, const char *what, int error, const char *hint)
{
    return quiet ? CLI_FAILED : complain_errno(what, error, hint);
}

/* 0 or an exit code. */
static int open_directory(int *dir, bool quiet)
{
    char path[4096];
    struct stat st;

    runtime_path(path, sizeof(path));
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(quiet, path, errno, "set XDG_RUNTIME_DIR to a directory of yours");
    *dir = open(path, DIR_FLAGS);
    if (*dir < 0)
        return fail(quiet, path, errno, "set XDG_RUNTIME_DIR to a directory of yours");
    if (fstat(*dir, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 077))
        return 0;
    close(*dir);
    *dir = -1;
    if (quiet)
        return CLI_FAILED;
    return complain(path, "set XDG_RUNTIME_DIR to a directory of yours",
                    "it is not private to this user");
}

int runtime_keep(void) { return kept >= 0 ? 0 : open_directory(&kept, false); }

static void close_directory(const struct runtime *r)
{
    if (r->dir != kept)
        close(r->dir);
}

/* Opens the directory and takes its lock; 0 or an exit code. */
static int runtime_open(struct runtime *r, bool quiet)
{
    r->dir = kept;
    int code = kept >= 0 ? 0 : open_directory(&r->dir, quiet);

    if (code)
        return code;
    r->lock = openat(r->dir, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r->lock >= 0 && flock(r->lock, LOCK_EX) == 0)
        return 0;
    int error = errno;
    if (r->lock >= 0)
        close(r->lock);
    close_directory(r);
    return fail(quiet, "runtime directory", error, NULL);
}

static void runtime_close(const struct runtime *r)
{
    close(r->lock);
    close_directory(r);
}

/* ---- one entry --------------------------------------------------------------------------- */

bool name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-";

    return *name && *name != '.' && *name != '-' && strlen(name) <= NAME_LENGTH_MAX &&
           !name[strspn(name, allowed)];
}

/* "python3-7f3a": what runs, and something that tells it from its like. */
static void make_name(char *name, const char *program)
{
    const char *slash = strrchr(program, '/');
    unsigned short number = 0;
    char base[33];

    snprintf(base, sizeof(base), "%s", slash ? slash + 1 : program);
    if (!name_valid(base))
        strcpy(base, "sandbox");
    if (getrandom(&number, sizeof(number), 0) < 0)
        number = (unsigned short)getpid();
    snprintf(name, NAME_LENGTH_MAX + 1, "%s-%04x", base, number);
}

static void wipe(int dir)
{
    static const char *const files[] = {"control", "state.json", "state.new", "log"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(dir, files[i], 0);
}

/* A directory whose owner is gone, with its lock: true if it stays as one that has ended. */
static bool stays(int dir)
{
    struct state state;
    bool keep = state_read(dir, &state) && state.keep;

    if (keep && !state.finished) { /* a crash: say so once */
        state.finished = time(NULL);
        state.exit_code = KILLED_CODE;
        keep = state_write(dir, &state) == 0;
        unlinkat(dir, "control", 0);
    }
    state_free(&state);
    return keep;
}

/* Opens an entry, under the lock of the runtime directory; cleans up what a crash left.
 * False with ENOENT if there is none. */
static bool open_entry(const struct runtime *r, struct entry *e, const char *name)
{
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->dir = openat(r->dir, name, DIR_FLAGS);
    if (e->dir < 0)
        return false;
    e->alive = flock(e->dir, LOCK_SH | LOCK_NB) < 0;
    if (e->alive || stays(e->dir))
        return true;
    wipe(e->dir);
    unlinkat(r->dir, name, AT_REMOVEDIR);
    close(e->dir);
    e->dir = -1;
    errno = ENOENT;
    return false;
}

static void unlock_entry(const struct entry *e) { flock(e->dir, LOCK_UN); }

static int make_entry(const struct runtime *r, struct entry *e, const char *name)
{
    if (mkdirat(r->dir, name, 0700) < 0)
        return errno;
    snprintf(e->name, sizeof(e->name), "%s", name);
    e->dir = openat(r->dir, name, DIR_FLAGS);
    e->alive = true;
    return e->dir < 0 || flock(e->dir, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

static int taken(const struct runtime *r, const char *name)
{
    struct entry e;

    if (!open_entry(r, &e, name))
        return 0;
    close(e.dir);
    if (e.alive)
        return complain(name, "choose another --name", "a sandbox of this name is running");
    return complain(name, "bailey rm removes it", "a sandbox of this name has ended and is kept");
}

int entry_claim(struct entry *e, const char *name, const char *program, bool quiet)
{
    struct runtime r = {-1, -1};
    char made[NAME_LENGTH_MAX + 1];
    int code = runtime_open(&r, quiet), error = EEXIST;

    e->dir = -1;
    if (code)
        return code;
    mode_t before = umask(077);
    if (name)
        code = taken(&r, name);
    for (int tries = 0; !code && error == EEXIST && tries < 100; tries++) {
        if (!name)
            make_name(made, program);
        error = make_entry(&r, e, name ? name : made);
    }
    umask(before);
    runtime_close(&r);
    return code ? code : error ? fail(quiet, "runtime directory", error, NULL) : 0;
}

int entry_listen(const struct entry *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    /* The directory's own path may be longer than an address. */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", e->dir);
    mode_t before = umask(077);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(fd, 64) == 0;
    umask(before);
    if (!good && fd >= 0)
        close(fd);
    return good ? fd : -1;
}

void entry_end(struct entry *e, bool keep)
{
    struct runtime r = {-1, -1};

    if (e->dir < 0)
        return;
    unlinkat(e->dir, "control", 0);
    if (!keep && runtime_open(&r, true) == 0) {
        wipe(e->dir);
        unlinkat(r.dir, e->name, AT_REMOVEDIR);
        runtime_close(&r);
    }
    entry_close(e);
}

/* ---- others' ------------------------------------------------------------------------------ */

int entry_find(struct entry *e, const char *name)
{
    struct runtime r = {-1, -1};
    int code;

    e->dir = -1;
    if (!name_valid(name))
        return complain(name, "bailey ps lists them", "this is no name of a sandbox");
    code = runtime_open(&r, false);
    if (code)
        return code;
    if (!open_entry(&r, e, name))
        code = complain(name, "bailey ps lists them", "no such sandbox");
    else
        unlock_entry(e);
    runtime_close(&r);
    return code;
}

bool entry_remove(const struct entry *e)
{
    struct runtime r = {-1, -1};
    bool dead = false;

    if (runtime_open(&r, false))
        return false;
    dead = flock(e->dir, LOCK_SH | LOCK_NB) == 0;
    if (dead) {
        wipe(e->dir);
        unlinkat(r.dir, e->name, AT_REMOVEDIR);
    }
    runtime_close(&r);
    return dead;
}

bool entry_lives(const struct entry *e)
{
    if (flock(e->dir, LOCK_SH | LOCK_NB) < 0)
        return true;
    unlock_entry(e);
    return false;
}

void entry_wait(struct entry *e)
{
    if (flock(e->dir, LOCK_SH) == 0)
        unlock_entry(e);
    e->alive = false;
}

void entry_close(struct entry *e)
{
    if (e->dir >= 0)
        close(e->dir);
    e->dir = -1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

void entries_allow(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* As entries_list. */
static int collect(const struct runtime *r, struct entry **list)
{
    DIR *dir = fdopendir(fcntl(r->dir, F_DUPFD_CLOEXEC, 3));
    struct dirent *d;
    struct entry e;
    int count = 0;
    bool full = !dir;

    while (!full && (d = readdir(dir))) {
        if (!name_valid(d->d_name))
            continue;
        if (!open_entry(r, &e, d->d_name)) {
            full = errno == EMFILE || errno == ENFILE;
            continue;
        }
        if (!e.alive)
            unlock_entry(&e);
        *list = need(realloc(*list, ((size_t)count + 1) * sizeof(**list)));
        (*list)[count++] = e;
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(*list, (size_t)count, sizeof(**list), by_name);
    if (!full)
        return count;
    entries_free(*list, count);
    complain("too many sandboxes", "raise the limit of open files: ulimit -n",
             "they cannot all be looked at");
    return -1;
}

int entries_list(struct entry **list)
{
    struct runtime r = {-1, -1};

    *list = NULL;
    if (runtime_open(&r, false))
        return -1;
    entries_allow();
    int count = collect(&r, list);
    runtime_close(&r);
    return count;
}

void entries_free(struct entry *list, int count)
{
    for (int i = 0; i < count; i++)
        entry_close(&list[i]);
    free(list);
}

/* ---- named networks ------------------------------------------------------------------------ */

int runtime_network(const char *name, char **path)
{
    char top[4096], text[4200];
    struct runtime r = {-1, -1};
    int code = runtime_open(&r, false);

    if (code)
        return code;
    runtime_path(top, sizeof(top));
    snprintf(text, sizeof(text), ".net-%s", name);
    if (mkdirat(r.dir, text, 0700) < 0 && errno != EEXIST)
        code = complain_errno("--net", errno, NULL);
    runtime_close(&r);
    snprintf(text, sizeof(text), "%s/.net-%s", top, name);
    *path = need(strdup(text));
    return code;
}
