/* A thread with a working directory, root and umask of its own (unshare(CLONE_FS)): the others stay
 * where they are, threads and processes that it makes are where it is, and so is the program that
 * it executes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static pthread_barrier_t turn;
static char start[PATH_MAX], there[PATH_MAX + 8];

static int is_at(const char *link, const char *place)
{
    char to[PATH_MAX] = "";

    return readlink(link, to, sizeof(to) - 1) > 0 && strcmp(to, place) == 0;
}

static int here(const char *place)
{
    char at[PATH_MAX];

    return getcwd(at, sizeof(at)) && strcmp(at, place) == 0;
}

static void *below(void *arg)
{
    CHECK(here(there) && access("inside", F_OK) == 0);
    CHECK(chdir("deep") == 0); /* shared with the thread that made this one */
    return NULL;
}

static void children(void)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        CHECK(here(there) && is_at("/proc/self/cwd", there));
        CHECK(chdir("/") == 0);
        _exit(check_failures != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0 && here(there));
    CHECK(system("test -e inside && test $(umask) = 0077") == 0);
}

static void *apart(void *arg)
{
    char own[64];
    pthread_t t;

    CHECK(unshare(CLONE_FS) == 0);
    CHECK(here(start) && chdir("there") == 0 && here(there));
    CHECK(umask(077) == 022);
    close(open("inside", O_CREAT | O_RDWR, 0666));
    snprintf(own, sizeof(own), "/proc/self/task/%d/cwd", gettid());
    CHECK(is_at(own, there) && is_at("/proc/thread-self/cwd", there) &&
          is_at("/proc/self/cwd", start));
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    CHECK(here(there) && mkdir("deep", 0755) == 0);
    children();
    CHECK(pthread_create(&t, NULL, below, NULL) == 0 && pthread_join(t, NULL) == 0);
    CHECK(is_at(own, strcat(there, "/deep")));
    CHECK(unshare(CLONE_FS) == 0 && chdir("..") == 0 && access("inside", F_OK) == 0);
    if (arg)
        execl("/bin/sh", "sh", "-c", "test -e inside && echo at its place", (char *)NULL);
    return NULL;
}

int main(void)
{
    struct stat st;
    pthread_t t;
    pid_t pid;
    int status;

    if (unshare(CLONE_FS)) /* forbidden in some containers */
        return 77;
    umask(022);
    CHECK(getcwd(start, sizeof(start)) != NULL && mkdir("there", 0755) == 0);
    snprintf(there, sizeof(there), "%s/there", start);
    CHECK(pthread_barrier_init(&turn, NULL, 2) == 0);
    CHECK(pthread_create(&t, NULL, apart, NULL) == 0);
    pthread_barrier_wait(&turn);
    CHECK(here(start) && access("inside", F_OK) < 0 && access("there/inside", F_OK) == 0);
    CHECK(umask(022) == 022 && stat("there/inside", &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(chdir("/") == 0); /* it stays where it is */
    pthread_barrier_wait(&turn);
    CHECK(pthread_join(t, NULL) == 0 && here("/") && chdir(start) == 0);
    CHECK(rmdir("there/deep") == 0);
    fflush(NULL);
    pid = fork();
    if (!pid) { /* the same, and then a program */
        snprintf(there, sizeof(there), "%s/there", start);
        pthread_create(&t, NULL, apart, "exec");
        pthread_barrier_wait(&turn);
        CHECK(chdir("/") == 0);
        pthread_barrier_wait(&turn);
        for (;;)
            pause();
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return check_result();
}
