/* A Debian system as a tree: what mmdebstrap makes, which needs no root where user name
 * spaces exist.  It fetches from Debian's mirrors only, over apt with its signatures. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Words that reach mmdebstrap as arguments. */
static int plain_word(const char *text, const char *extra)
{
    for (const char *p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr(extra, *p)))
            return 0;
    return *text && *text != '-';
}

static void run_mmdebstrap(int out, int errors, const char *suite, const char *packages)
{
    char include[4200];
    const char *argv[] = {"mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", NULL, NULL,
                          NULL,         NULL};
    size_t n = 4;

    if (packages && *packages) {
        snprintf(include, sizeof(include), "--include=%s", packages);
        argv[n++] = include;
    }
    argv[n++] = suite;
    argv[n++] = "-";
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execvp(argv[0], (char *const *)argv);
    dprintf(errors, "%s\n", strerror(errno));
    _exit(127);
}

/* The last line it wrote that says what went wrong ("E: ..."), or the last of all. */
static void last_words(int errors, char *text, size_t size)
{
    FILE *in = lseek(errors, 0, SEEK_SET) == 0 ? fdopen(dup(errors), "r") : NULL;
    char line[400];
    int found = 0;

    snprintf(text, size, "it failed");
    while (in && fgets(line, sizeof(line), in)) {
        int reason = strncmp(line, "E: ", 3) == 0;
        line[strcspn(line, "\n")] = 0;
        if (!*line || (found && !reason))
            continue;
        found |= reason;
        snprintf(text, size, "%s", reason ? line + 3 : line);
    }
    if (in)
        fclose(in);
}

static int finish(pid_t child, int errors, struct image_error *err)
{
    char words[400];
    int status;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    last_words(errors, words, sizeof(words));
    image_fail(err, 0, "mmdebstrap: %s", words);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return image_hint(err, "apt-get install mmdebstrap");
    if (geteuid() != 0)
        return image_hint(err, "an ordinary user needs user name spaces and subordinate numbers: "
                               "apt-get install uidmap, /etc/subuid");
    return -1;
}

int input_debian(struct tree *t, const char *suite, const char *packages, int spool,
                 uint64_t *spooled, struct image_error *err)
{
    int pipe_fds[2];

    if (!plain_word(suite, "-_.") || (packages && *packages && !plain_word(packages, "-+.:,_")) ||
        (packages && strlen(packages) > 4096))
        return image_fail(err, 0, "--debian: names of a suite and of packages only");
    if (pipe(pipe_fds) < 0)
        return image_fail(err, errno, "mmdebstrap");
    int errors = memfd_create("mmdebstrap", MFD_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        close(pipe_fds[0]);
        run_mmdebstrap(pipe_fds[1], errors, suite, packages);
    }
    close(pipe_fds[1]);
    int rc = child < 0 ? image_fail(err, errno, "mmdebstrap") : 0;
    if (rc == 0)
        rc = input_tar(t, pipe_fds[0], "mmdebstrap", spool, spooled, 0, err);
    close(pipe_fds[0]);
    if (child > 0 && finish(child, errors, err) < 0) /* says more than that its archive is empty */
        rc = -1;
    close(errors);
    return rc;
}
