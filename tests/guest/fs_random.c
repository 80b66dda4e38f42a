/* Thousands of random operations on a small tree: every answer is printed and must be the
 * same inside as natively.  Runs in a chroot, so that ".." stays in the tree. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "scratch.h"

#define ROUNDS 6000

static uint64_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % n;
}

static char *path(char *buf)
{
    static const char *part[] = {
        "a", "b", "c",  "d", "a",
        "b", ".", "..", "e", "a-name-that-is-longer-than-forty-characters-in-all"};
    int depth = 1 + (int)pick(4);

    buf[0] = 0;
    if (pick(4) == 0)
        strcat(buf, "/");
    for (int n = 0; n < depth; n++) {
        strcat(buf, part[pick(depth > 2 ? 9 : 10)]);
        if (n < depth - 1)
            strcat(buf, pick(20) ? "/" : "//");
    }
    if (pick(12) == 0)
        strcat(buf, "/");
    return buf;
}

static const char *answer(long rc)
{
    static char text[64];

    if (rc < 0)
        sprintf(text, "%s", strerrorname_np(errno));
    else
        sprintf(text, "%ld", rc);
    return text;
}

static void show_stat(const char *what, const char *name, int rc, const struct stat *st)
{
    if (rc < 0) {
        printf("%s %s: %s\n", what, name, answer(rc));
        return;
    }
    printf("%s %s: %o links %lu size %ld\n", what, name, st->st_mode, (unsigned long)st->st_nlink,
           S_ISDIR(st->st_mode) ? 0 : (long)st->st_size);
}

static void do_open(const char *name)
{
    static const int some[] = {O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH};
    static const char text[] = "0123456789abcdef";
    int flags = (int)pick(3) | O_NONBLOCK;

    for (int n = 0; n < 7; n++)
        flags |= pick(4) == 0 ? some[n] : 0;
    if (pick(2))
        flags |= O_CREAT;
    int fd = open(name, flags, 0600 + pick(64));
    printf("open %s %o: %s", name, flags, fd < 0 ? answer(fd) : "ok");
    if (fd >= 0) {
        char buf[32] = {0};
        long n = write(fd, text, 1 + pick(16));
        printf(" write %s", answer(n));
        n = pread(fd, buf, 16, pick(8));
        printf(" read %s %s", answer(n), n > 0 ? buf : "");
        if (pick(3) == 0)
            printf(" size %s", answer(ftruncate(fd, pick(30))));
        close(fd);
    }
    printf("\n");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void do_list(const char *name)
{
    struct dirent **list;
    int n = scandir(name, &list, NULL, by_name);

    printf("list %s: %s", name, answer(n));
    for (int k = 0; k < n; k++) {
        printf(" %s/%d", list[k]->d_name, list[k]->d_type);
        free(list[k]);
    }
    if (n >= 0)
        free(list);
    printf("\n");
}

static void one(void)
{
    char a[128], b[128], text[256] = {0};
    struct stat st;
    long n;
    unsigned flags, mode;

    path(a);
    path(b);
    switch (pick(18)) {
    case 0:
    case 1:
    case 2:
        do_open(a);
        break;
    case 3:
        mode = pick(512) | 0300;
        printf("mkdir %s: %s\n", a, answer(mkdir(a, mode)));
        break;
    case 4:
        printf("rmdir %s: %s\n", a, answer(rmdir(a)));
        break;
    case 5:
        printf("unlink %s: %s\n", a, answer(unlink(a)));
        break;
    case 6:
    case 7:
        printf("rename %s %s: %s\n", a, b, answer(rename(a, b)));
        break;
    case 8:
        flags = pick(4);
        printf("rename %s %s %u: %s\n", a, b, flags,
               answer(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags)));
        break;
    case 9:
        printf("link %s %s: %s\n", a, b,
               answer(linkat(AT_FDCWD, a, AT_FDCWD, b, pick(2) ? 0x400 : 0)));
        break;
    case 10:
        printf("symlink %s %s: %s\n", a, b, answer(symlink(a, b)));
        break;
    case 11:
        n = stat(a, &st);
        show_stat("stat", a, (int)n, &st);
        break;
    case 12:
        n = lstat(a, &st);
        show_stat("lstat", a, (int)n, &st);
        break;
    case 13:
        n = readlink(a, text, 100);
        printf("readlink %s: %s %s\n", a, answer(n), n > 0 ? text : "");
        break;
    case 14:
        printf("truncate %s: %s\n", a, answer(truncate(a, pick(40))));
        break;
    case 15:
        printf("chmod %s: %s\n", a, answer(chmod(a, pick(4096))));
        break;
    case 16:
        do_list(a);
        break;
    case 17:
        if (pick(3))
            printf("mknod %s: %s\n", a,
                   answer(mknod(a, pick(2) ? S_IFIFO | 0600 : S_IFREG | 0644, 0)));
        else
            printf("chdir %s: %s\n", a, answer(chdir(a)));
        break;
    }
}

static void walk(const char *dir, int depth)
{
    struct dirent **list;
    char name[4096];
    struct stat st;
    int n = scandir(dir, &list, NULL, by_name);

    for (int k = 0; k < n; k++) {
        snprintf(name, sizeof(name), "%s/%s", dir, list[k]->d_name);
        int rc = lstat(name, &st);
        if (list[k]->d_name[0] != '.' || list[k]->d_name[1] == '\0') {
            if (strcmp(list[k]->d_name, "."))
                show_stat("at the end", name, rc, &st);
            if (S_ISDIR(st.st_mode) && strcmp(list[k]->d_name, ".") && depth < 20)
                walk(name, depth + 1);
        }
        free(list[k]);
    }
    if (n >= 0)
        free(list);
}

static void run_here(uint64_t start, uid_t user)
{
    seed = start;
    if (chroot("."))
        _exit(1);
    umask(022);
    if (user && (chmod(".", 0777) || mkdir("e", 01777) || chmod("e", 01777) || mkdir("d", 0755) ||
                 setgid(user) || setuid(user)))
        _exit(1);
    for (int n = 0; n < ROUNDS; n++)
        one();
    chdir("/");
    walk("", 0);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    const char *place[] = {".", "/tmp"};
    int status;

    if (geteuid() != 0)
        return 77; /* chroot and changing owners need root */
    for (unsigned n = 0; n < 4; n++) {
        printf("in %s as %s\n", n % 2 ? "/tmp" : "the working directory", n / 2 ? "user" : "root");
        fflush(stdout);
        scratch_enter(place[n % 2]);
        pid_t pid = fork();
        if (pid == 0)
            run_here((argc > 1 ? strtoull(argv[1], NULL, 0) : 1) + n, n / 2 * 1000);
        waitpid(pid, &status, 0);
        CHECK(status == 0);
        scratch_leave();
    }
    return check_result();
}
