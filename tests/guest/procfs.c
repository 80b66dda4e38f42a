/* /proc and /dev as programs use them: formats, magic links, errors.  What depends on the
 * machine is checked here, what doesn't is printed and compared. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char buf[1 << 20];
static void *volatile nowhere_ = (void *)8;
#define nowhere ((void *)nowhere_)

static long slurp(const char *path)
{
    int fd = open(path, O_RDONLY);
    long n = 0, at = 0;

    if (fd < 0)
        return -errno;
    while ((n = read(fd, buf + at, sizeof(buf) - 1 - at)) > 0)
        at += n;
    close(fd);
    buf[at] = 0;
    return n < 0 ? -errno : at;
}

/* ---- maps ------------------------------------------------------------------------------ */

static void mappings(void)
{
    char name[256], perms[8];
    unsigned long start, end, offset, inode, last = 0;
    unsigned major, minor;
    int heap = 0, stack = 0, text = 0, zero = 0, fields;
    struct stat st;
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(malloc(1) != NULL);
    CHECK(mprotect(p + 4096, 4096, PROT_READ) == 0);
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f != NULL);
    stat("/proc/self/exe", &st);
    while (fgets(buf, sizeof(buf), f)) {
        name[0] = 0;
        fields = sscanf(buf, "%lx-%lx %7s %lx %x:%x %lu %255[^\n]", &start, &end, perms, &offset,
                        &major, &minor, &inode, name);
        CHECK(fields >= 7 && start < end && start >= last && strlen(perms) == 4);
        CHECK(!name[0] || strchr(buf, name[0] == '[' ? '[' : '/') == buf + 73);
        last = end;
        heap += !strcmp(name, "[heap]");
        if (!strcmp(name, "[stack]"))
            stack += (unsigned long)&st > start && (unsigned long)&st < end;
        if ((unsigned long)slurp >= start && (unsigned long)slurp < end)
            text += inode == st.st_ino && !strcmp(perms, "r-xp");
        if (start >= (unsigned long)p && end <= (unsigned long)p + 3 * 4096) {
            CHECK(!strcmp(name, "/dev/zero (deleted)"));
            CHECK(!strcmp(perms, start == (unsigned long)p + 4096 ? "r--s" : "rw-s"));
            CHECK(offset == start - (unsigned long)p);
            zero++;
        }
    }
    fclose(f);
    CHECK(heap == 1 && stack == 1 && text == 1 && zero == 3);
    printf("mappings %d %d %d %d\n", heap, stack, text, zero);
}

/* ---- processes ----------------------------------------------------------------------------- */

static void stat_fields(pid_t pid, char state)
{
    char path[64], got;
    int id, parent;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (int i = 0; i < 3000; i++) { /* it may still be on its way to sleep */
        CHECK(slurp(path) > 0);
        CHECK(sscanf(buf, "%d (procfs) %c %d", &id, &got, &parent) == 3);
        if (got == state)
            break;
        usleep(10000);
    }
    CHECK(id == pid && got == state);
    int spaces = 0;
    for (char *p = strrchr(buf, ')'); *p; p++)
        spaces += *p == ' ';
    printf("stat of %s: %d fields\n", state == 'Z' ? "a zombie" : "a process", spaces + 2);
}

static void status_names(const char *path)
{
    CHECK(slurp(path) > 0);
    for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':');
        CHECK(colon && colon[1] == '\t');
    }
}

static void children(void)
{
    char path[64];
    pid_t pid = fork();

    if (pid == 0) {
        pause();
        _exit(0);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        slurp(path);
        if (strstr(buf, ") S "))
            break;
        usleep(10000);
    }
    stat_fields(pid, 'S');
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    CHECK(slurp(path) > 0 && strstr(buf, "procfs"));
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    CHECK(readlink(path, buf, sizeof(buf)) > 0);
    kill(pid, 9);
    siginfo_t info;
    waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
    stat_fields(pid, 'Z');
    CHECK_ERR(readlink(path, buf, sizeof(buf)), ENOENT);
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    CHECK(slurp(path) == 0);
    int fd = open(path, O_RDONLY);
    snprintf(path, sizeof(path), "/proc/%d", pid);
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    CHECK(dir >= 0);
    waitpid(pid, NULL, 0);
    CHECK(access(path, F_OK) == -1 && errno == ENOENT);
    CHECK_ERR(openat(dir, "stat", O_RDONLY), ESRCH);
    close(fd);
    close(dir);
}

static void *thread(void *arg)
{
    char name[16] = {0};
    int fd = open("/proc/thread-self/comm", O_RDWR);

    CHECK(write(fd, "a-name-longer-than-fits", 23) == 23);
    lseek(fd, 0, SEEK_SET);
    CHECK(read(fd, name, sizeof(name)) == 16);
    close(fd);
    printf("%.15s\n", name);
    int entries = 0;
    DIR *d = opendir("/proc/self/task");
    while (readdir(d))
        entries++;
    closedir(d);
    printf("%d entries in task\n", entries);
    return NULL;
}

/* ---- descriptors --------------------------------------------------------------------------------
 */

static void show_link(int fd)
{
    char path[64], text[256];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n > 0 ? n : 0] = 0;
    char *bracket = strstr(text, ":[");
    if (bracket && text[0] == 'p')
        *bracket = 0;
    printf("%s\n", text);
}

static void descriptors(void)
{
    int pipes[2], fd, again;
    char path[64];

    CHECK(pipe(pipes) == 0);
    show_link(pipes[0]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[1]);
    again = open(path, O_WRONLY);
    CHECK(write(again, "abc", 3) == 3);
    CHECK(read(pipes[0], buf, 10) == 3);
    close(again);
    fd = open("/tmp/procfs-test", O_CREAT | O_RDWR, 0600);
    CHECK(write(fd, "0123456789", 10) == 10);
    show_link(fd);
    unlink("/tmp/procfs-test");
    show_link(fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK(slurp(path) == 10);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    CHECK(slurp(path) > 0 && !strncmp(buf, "pos:\t10\nflags:\t0100002\nmnt_id:\t", 31));
    again = open("/tmp", O_PATH);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", again);
    CHECK(slurp(path) > 0 && !strncmp(buf, "pos:\t0\nflags:\t010000000\nmnt_id:\t", 32));
    close(again);
    struct stat st;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[0]);
    CHECK(lstat(path, &st) == 0 && st.st_mode == (S_IFLNK | 0500) && st.st_size == 64);
    CHECK(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
    close(fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK_ERR(open(path, O_RDONLY), ENOENT);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- memory
 * ---------------------------------------------------------------------------------------- */

static void memory(void)
{
    char here[] = "what stands here", there[sizeof(here)];
    int fd = open("/proc/self/mem", O_RDWR);

    CHECK(fd >= 0);
    CHECK(pread(fd, there, sizeof(there), (off_t)here) == sizeof(there) && !strcmp(here, there));
    CHECK(pwrite(fd, "W", 1, (off_t)here) == 1 && here[0] == 'W');
    CHECK_ERR(pread(fd, there, 1, 0), EIO);
    close(fd);
}

/* ---- errors
 * ------------------------------------------------------------------------------------------ */

static void refusals(void)
{
    CHECK_ERR(open("/proc/new", O_CREAT | O_WRONLY, 0644), ENOENT);
    CHECK_ERR(mkdir("/proc/new", 0755), ENOENT);
    CHECK_ERR(open("/proc/self/task/1000000", O_RDONLY), ENOENT);
    CHECK_ERR(open("/proc/01", O_RDONLY), ENOENT);
    CHECK_ERR(open("/proc/self/status/x", O_RDONLY), ENOTDIR);
    CHECK_ERR(open("/proc/self", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERR(readlink("/proc/uptime", buf, 10), EINVAL);
    CHECK(slurp("/proc/self/attr/current") == -EINVAL || strlen(buf) > 0);
    int fd = open("/proc/self/oom_score_adj", O_RDWR);
    CHECK_ERR(write(fd, "1001", 4), EINVAL);
    CHECK_ERR(write(fd, "x", 1), EINVAL);
    CHECK(write(fd, "7\n", 2) == 2);
    CHECK(pread(fd, buf, 10, 0) == 2 && buf[0] == '7');
    close(fd);
}

/* ---- devices
 * ------------------------------------------------------------------------------------------ */

static void devices(void)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    unsigned char a[64], b[64];
    struct stat st;

    for (int i = 0; i < 6; i++) {
        snprintf(buf, 64, "/dev/%s", names[i]);
        CHECK(stat(buf, &st) == 0 && S_ISCHR(st.st_mode));
        printf("%s %lx %o\n", names[i], (long)st.st_rdev, st.st_mode);
    }
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
    int full = open("/dev/full", O_RDWR), random = open("/dev/urandom", O_RDWR);
    CHECK(write(null, a, 64) == 64 && read(null, a, 64) == 0 && lseek(null, 7, SEEK_SET) == 0);
    memset(a, 1, 64);
    CHECK(read(zero, a, 64) == 64 && !a[0] && !a[63] && write(zero, a, 64) == 64);
    CHECK(read(full, a, 1) == 1);
    CHECK_ERR(write(full, a, 1), ENOSPC);
    CHECK(read(random, a, 64) == 64 && read(random, b, 64) == 64 && memcmp(a, b, 64));
    CHECK(write(random, a, 64) == 64);
    CHECK_ERR(read(zero, nowhere, 10), EFAULT);
    CHECK_ERR(read(random, nowhere, 10), EFAULT);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    CHECK(p != MAP_FAILED && p[0] == 0 && (p[4096] = 1));
    p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    CHECK(p != MAP_FAILED);
    if (fork() == 0) {
        p[0] = 42;
        _exit(0);
    }
    wait(NULL);
    CHECK(p[0] == 42);
    CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0), ENODEV);
    CHECK(getrandom(a, 64, 0) == 64 && getrandom(b, 64, GRND_NONBLOCK | GRND_RANDOM) == 64);
    CHECK(memcmp(a, b, 64));
    CHECK_ERR(getrandom(a, 64, 0x100), EINVAL);
    CHECK_ERR(getrandom(nowhere, 64, 0), EFAULT);
    CHECK(getrandom(a, 0, 0) == 0);
}

int main(void)
{
    pthread_t t;

    mappings();
    status_names("/proc/self/status");
    stat_fields(getpid(), 'R');
    children();
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    descriptors();
    memory();
    refusals();
    devices();
    return check_result();
}
