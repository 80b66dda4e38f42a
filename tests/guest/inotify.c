/* inotify: every kind of event, the errors of its calls, its limits.  Prints what it gets. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static int fd;

/* Cookies differ from run to run; which events share one doesn't. */
static int cookie_number(unsigned cookie)
{
    static unsigned seen[64];
    int i;

    if (!cookie)
        return 0;
    for (i = 0; i < 63 && seen[i] && seen[i] != cookie; i++)
        ;
    seen[i] = cookie;
    return i + 1;
}

static void drain(const char *what)
{
    static char buf[65536] __attribute__((aligned(8)));
    struct pollfd p = {fd, POLLIN, 0};

    printf("-- %s\n", what);
    while (poll(&p, 1, 0) == 1) {
        int bytes = 0;
        CHECK(ioctl(fd, FIONREAD, &bytes) == 0);
        ssize_t n = read(fd, buf, sizeof(buf));
        CHECK(n > 0 && n == bytes);
        for (char *q = buf; q < buf + n;) {
            struct inotify_event *e = (void *)q;
            printf("wd %d mask %x cookie %d len %u %s\n", e->wd, e->mask, cookie_number(e->cookie),
                   e->len, e->len ? e->name : "");
            q += sizeof(*e) + e->len;
        }
    }
}

static void put_file(const char *name) { close(open(name, O_CREAT, 0644)); }

static void names_in_a_directory(void)
{
    char b[1];

    mkdir("d", 0755);
    CHECK(inotify_add_watch(fd, "d", IN_ALL_EVENTS) == 1);
    int f = open("d/a", O_CREAT | O_RDWR, 0644);
    drain("create");
    write(f, "x", 1);
    write(f, "y", 1);
    drain("two writes are one event");
    pread(f, b, 1, 0);
    drain("read");
    ftruncate(f, 0);
    drain("truncate");
    fchmod(f, 0600);
    drain("chmod");
    close(f);
    drain("close after writing");
    close(open("d/a", O_RDONLY));
    drain("open, close");
    link("d/a", "d/b");
    drain("link");
    rename("d/b", "d/c");
    drain("rename");
    rename("d/c", "e");
    drain("rename out");
    rename("e", "d/e");
    drain("rename in");
    symlink("x", "d/s");
    drain("symlink");
    mkdir("d/sub", 0755);
    drain("mkdir");
    rmdir("d/sub");
    drain("rmdir");
    unlink("d/e");
    drain("unlink");
    close(open("d", O_RDONLY | O_DIRECTORY));
    drain("open the directory");
}

static void the_file_itself(void)
{
    int wd = inotify_add_watch(fd, "d/a", IN_ALL_EVENTS);

    unlink("d/a");
    drain("unlink, watched");
    CHECK_ERR(inotify_rm_watch(fd, wd), EINVAL);
    int f = open("d/a2", O_CREAT | O_RDWR, 0644);
    inotify_add_watch(fd, "d/a2", IN_ALL_EVENTS);
    drain("create");
    unlink("d/a2");
    drain("unlink while open");
    write(f, "x", 1);
    drain("write to it");
    close(f);
    drain("its last close");
    rename("d", "dd");
    drain("rename the directory");
    unlink("dd/s");
    rmdir("dd");
    drain("remove the directory");
}

static void flags(void)
{
    mkdir("d", 0755);
    inotify_add_watch(fd, "d", IN_CREATE | IN_ONESHOT);
    put_file("d/x");
    put_file("d/y");
    drain("one shot");
    int wd = inotify_add_watch(fd, "d", IN_CREATE);
    CHECK(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_ADD) == wd);
    CHECK_ERR(inotify_add_watch(fd, "d", IN_DELETE | IN_MASK_CREATE), EEXIST);
    put_file("d/z");
    unlink("d/y");
    drain("mask added to");
    CHECK(inotify_add_watch(fd, "d", IN_OPEN | IN_MODIFY | IN_EXCL_UNLINK) == wd);
    int f = open("d/z", O_RDWR);
    unlink("d/z");
    write(f, "x", 1);
    close(f);
    drain("nothing of unlinked files");
    symlink("d", "ln");
    inotify_add_watch(fd, "ln", IN_ALL_EVENTS | IN_DONT_FOLLOW);
    unlink("ln");
    drain("a link, not followed");
    CHECK(inotify_rm_watch(fd, wd) == 0);
    drain("watch removed");
}

static void errors(void)
{
    char small[16];
    int null = open("/dev/null", O_RDONLY);

    CHECK_ERR(inotify_init1(1), EINVAL);
    CHECK_ERR(read(fd, small, sizeof(small)), EAGAIN);
    CHECK_ERR(inotify_add_watch(fd, "d", IN_CREATE | IN_MASK_CREATE | IN_MASK_ADD), EINVAL);
    CHECK_ERR(inotify_add_watch(fd, "d", 0), EINVAL);
    CHECK_ERR(inotify_add_watch(fd, "d/x", IN_CREATE | IN_ONLYDIR), ENOTDIR);
    CHECK_ERR(inotify_add_watch(fd, "d/none", IN_CREATE), ENOENT);
    CHECK_ERR(inotify_add_watch(fd, (char *)8, IN_CREATE), EFAULT);
    CHECK_ERR(inotify_add_watch(777, "d", IN_CREATE), EBADF);
    CHECK_ERR(inotify_add_watch(null, "d", IN_CREATE), EINVAL);
    CHECK_ERR(inotify_rm_watch(null, 1), EINVAL);
    CHECK_ERR(inotify_rm_watch(fd, 999), EINVAL);
    int wd = inotify_add_watch(fd, "d", IN_CREATE);
    put_file("d/w");
    CHECK_ERR(read(fd, small, sizeof(small)), EINVAL); /* the event is longer */
    CHECK_ERR(write(fd, small, 1), EBADF);
    inotify_rm_watch(fd, wd);
    drain("after errors");
    close(null);
}

static void overflow(void)
{
    static char buf[4096] __attribute__((aligned(8)));
    int total = 0, overflows = 0;
    ssize_t n;

    inotify_add_watch(fd, "d", IN_CREATE | IN_DELETE);
    for (int i = 0; i < 9000; i++) {
        char name[24];
        snprintf(name, sizeof(name), "d/q%d", i);
        link("d/x", name);
        unlink(name);
    }
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (char *q = buf; q < buf + n; total++) {
            struct inotify_event *e = (void *)q;
            if (e->mask & IN_Q_OVERFLOW) {
                overflows++;
                CHECK(e->wd == -1);
            }
            q += sizeof(*e) + e->len;
        }
    }
    printf("%d events, %d of them the overflow\n", total, overflows);
    put_file("d/after");
    drain("after the overflow");
}

int main(void)
{
    char link[64];

    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(fd >= 0);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    char text[64] = {0};
    CHECK(readlink(link, text, sizeof(text)) > 0);
    puts(text);
    names_in_a_directory();
    the_file_itself();
    flags();
    errors();
    overflow();
    unlink("d/x");
    unlink("d/w");
    unlink("d/after");
    rmdir("d");
    drain("end");
    close(fd);
    return check_result();
}
