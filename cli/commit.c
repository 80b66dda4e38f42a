/* bailey commit, and run --commit.
 *
 * A running sandbox is asked for its changes the way it is asked to run another program
 * (abi/job.h): the library OS brings everything to rest and writes the archive.
 */
#define _GNU_SOURCE
#include "commit.h"
#include "abi/job.h"
#include "commands.h"
#include "complain.h"
#include "control.h"
#include "image/build.h"
#include "image/layers.h"
#include "image/store.h"
#include "image/walls.h"
#include "image_root.h"
#include "runtime.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- base and changes together ------------------------------------------------------------- */

static int archive_name(char path[STORE_PATH], struct image_error *err)
{
    struct store store;

    if (store_open(&store, true, err) < 0)
        return -1;
    store_temporary(&store, path);
    strcat(path, ".tar");
    return 0;
}

/* The base as that of a layer, with everything it is made on in the store; where it has too
 * many layers already, the new image will be complete. */
static int base_of_layer(const struct store *store, const char *base, struct image_build *build,
                         struct image_error *err)
{
    struct erofs_file f;
    char **devices = NULL;

    if (erofs_file_open(&f, base, err) < 0)
        return -1;
    bool room = f.part_count <= EROFS_DEVICES_MAX;
    int rc = room ? layers_add(&f, false, &devices, err) : 0;
    if (rc == 0 && room)
        rc = store_keep(store, base, build->config.base, err);
    for (uint32_t n = 1; rc == 0 && devices && n < f.part_count; n++)
        rc = store_keep(store, devices[n - 1], f.parts[n].digest, err);
    if (room)
        build->base_digest = build->config.base;
    free(devices);
    erofs_file_close(&f);
    return rc;
}

static int prepare_base(const struct store *store, const char *base, bool flatten,
                        struct image_build *build, struct image_error *err)
{
    char digest[DIGEST_TEXT];
    struct stat st;

    if (stat(base, &st) < 0 || !S_ISREG(st.st_mode))
        return 0; /* a directory */
    if (store_digest(store, base, NULL, false, digest, err) < 0)
        return -1;
    build->config.base = need(strdup(digest));
    return flatten ? 0 : base_of_layer(store, base, build, err);
}

static int make_image(const char *base, const char *changes, const char *tag, bool flatten,
                      struct image_error *err)
{
    struct image_build build = {.input = base, .layer = changes};
    char file[STORE_PATH] = "", digest[DIGEST_TEXT];
    struct store store;

    if (store_open(&store, true, err) < 0)
        return -1;
    image_walls(&store, NULL); /* a hostile program has had its say in the changes */
    int rc = prepare_base(&store, base, flatten, &build, err);
    if (rc == 0) {
        store_temporary(&store, file);
        rc = image_build(&build, file, err);
    }
    if (rc == 0)
        rc = store_take(&store, file, digest, err);
    if (rc == 0)
        rc = store_set_tag(&store, tag, digest, err);
    if (rc < 0 && file[0])
        unlink(file);
    image_config_free(&build.config);
    return rc;
}

/* ---- run --commit -----------------------------------------------------------------------------
 */

int commit_prepare(struct settings *s)
{
    char path[STORE_PATH];
    struct image_error err = {0};

    if (!s->image.path && !s->root)
        return complain("--commit", "with --image, or --root",
                        "the host's files are no base for an image");
    if (s->diff)
        return complain("--commit", "leave out one of them", "with --diff");
    if (archive_name(path, &err) < 0)
        return complain_image(&err);
    s->diff = s->commit_file = need(strdup(path));
    s->commit_go = s->commit_result = -1;
    return 0;
}

/* The process that makes the image: waits for a word, or for the end of the other side. */
static _Noreturn void serve(const struct settings *s, int go, int result)
{
    const char *base = s->image.path ? s->image.path : s->root;
    struct image_error err = {0};
    char word = 0;
    int code = 0;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    if (read(go, &word, 1) == 1 &&
        make_image(base, s->commit_file, s->commit, s->flatten, &err) < 0)
        code = complain_image(&err);
    unlink(s->commit_file);
    if (write(result, &code, sizeof(code)) < 0)
        _exit(CLI_FAILED);
    _exit(0);
}

/* It is nobody's child: the monitor knows all of its own. */
int commit_start(struct settings *s)
{
    int go[2], result[2], status;

    if (!s->commit)
        return 0;
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(result, O_CLOEXEC) < 0)
        return complain_errno("--commit", errno, NULL);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        close(result[0]);
        if (fork() == 0)
            serve(s, go[0], result[1]);
        _exit(0);
    }
    close(go[0]);
    close(result[1]);
    if (child < 0)
        return complain_errno("--commit", errno, NULL);
    waitpid(child, &status, 0);
    s->commit_go = go[1];
    s->commit_result = result[0];
    return 0;
}

int commit_run(struct settings *s, int code, bool failed)
{
    int result = CLI_FAILED;

    if (s->commit_go < 0) {
        unlink(s->commit_file);
        return code;
    }
    if (!failed && write(s->commit_go, "c", 1) != 1)
        code = CLI_FAILED;
    close(s->commit_go);
    if (read(s->commit_result, &result, sizeof(result)) != sizeof(result) || result)
        code = failed ? code : result;
    close(s->commit_result);
    return code;
}

/* ---- a running sandbox -------------------------------------------------------------------------
 */

/* An order that runs no program. */
static int make_order(void)
{
    static const char words[] = "\0diff"; /* no directory, one argument */
    struct job_header h = {
        .magic = JOB_MAGIC, .size = sizeof(h) + sizeof(words), .flags = JOB_DIFF, .argc = 1};
    int fd = memfd_create("bailey-job", MFD_CLOEXEC);

    if (fd < 0 || write(fd, &h, sizeof(h)) != sizeof(h) ||
        write(fd, words, sizeof(words)) != sizeof(words)) {
        complain_errno("memory", errno, NULL);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int wait_for_end(const char *name, int control)
{
    struct manage_answer news;

    for (;;) {
        if (control_receive(control, &news, -1) < 0 || news.kind == MANAGE_EXITED)
            return complain(name, NULL, "the sandbox has ended");
        if (news.kind == MANAGE_JOB_FAILED)
            return complain_errno(name, (int)news.value, "it could not be brought to rest");
        if (news.kind == MANAGE_JOB_ENDED)
            return 0;
    }
}

static int fetch_changes(const struct entry *e, int archive)
{
    int order = make_order(), control = order < 0 ? -1 : control_connect(e), code = CLI_FAILED;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[4] = {order, null, archive, null};

    if (control >= 0) {
        int64_t rc = control_ask(control, MANAGE_WAIT, 0, 0, NULL, 0);
        if (rc == 0)
            rc = control_ask(control, MANAGE_JOB, 0, 0, fds, 4);
        code = rc < 0 ? complain_errno(e->name, (int)-rc, "does it run?")
                      : wait_for_end(e->name, control);
        close(control);
    }
    if (order >= 0)
        close(order);
    close(null);
    return code;
}

struct commit_settings {
    bool flatten;
};

OPTION_SWITCH(flatten, struct commit_settings, flatten)

const struct option_def commit_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_FLAG, 0, "flatten", NULL, "complete in itself, not a layer on the image it ran from",
     take_flatten},
    {.kind = OPTION_HEADING},
};

static int commit(const struct entry *e, const char *base, const char *tag, bool flatten)
{
    char path[STORE_PATH];
    struct image_error err = {0};

    if (archive_name(path, &err) < 0)
        return complain_image(&err);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int code = fd < 0 ? complain_errno(path, errno, NULL) : fetch_changes(e, fd);
    if (fd >= 0)
        close(fd);
    if (!code && make_image(base, path, tag, flatten, &err) < 0)
        code = complain_image(&err);
    unlink(path);
    return code;
}

static int commit_named(char **words, bool flatten)
{
    struct state state = {0};
    struct entry e;
    int code = entry_find(&e, words[0]);

    if (code)
        return code;
    state_read(e.dir, &state);
    if (!state.root)
        code = complain(words[0], "run it with --image, or --root",
                        "the host's files are no base for an image");
    else
        code = commit(&e, state.root, words[1], flatten);
    state_free(&state);
    entry_close(&e);
    return code;
}

int command_commit(int argc, char **argv)
{
    struct commit_settings s = {0};
    char *words[2];
    int count = 0, rest;

    for (;; argc -= rest, argv += rest) {
        int code = options_parse(commit_options, "commit", argc, argv, &s, &rest);
        if (code)
            return code;
        if (rest >= argc || count == 2)
            break;
        words[count++] = argv[rest];
    }
    if (count != 2 || rest < argc)
        return complain("commit", "bailey commit NAME IMAGE",
                        "it takes a running sandbox and a name for the image");
    if (!store_tag_ok(words[1]))
        return complain(words[1], "use letters, digits, _ . : -", "no name for an image");
    return commit_named(words, s.flatten);
}
