/* Ways out of an export.  The harness shows a writable directory as /v and a read-only one
 * as /r, both inside a directory it calls OUTSIDE, where `secret` lies. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers of the exports, from the table the monitor wrote. */
static unsigned export_of(const char *guest)
{
    const struct boot_info *b = (const struct boot_info *)SEG_BASE;

    for (uint32_t i = 0; i < b->nmounts; i++)
        if (!strcmp((const char *)b + b->mounts[i].guest, guest))
            return b->mounts[i].index;
    fprintf(stderr, "%s is not mounted\n", guest);
    exit(2);
}

static const char *uri(unsigned export, const char *path)
{
    static char text[8][4300];
    static unsigned next;
    char *to = text[next++ % 8];

    snprintf(to, sizeof(text[0]), "dir:%u/%s", export, path);
    return to;
}

static void must_fail(long rc, const char *what)
{
    if (rc >= 0)
        escaped("%s gave %ld", what, rc);
}

/* Does this handle show the secret? */
static void must_not_show(long fd, const char *what)
{
    char text[256] = "";
    struct {
        void *base;
        size_t size;
    } iov = {text, sizeof(text) - 1};

    if (fd < 0)
        return;
    gate(SYS_preadv2, fd, (long)&iov, 1, 0, 0, 0);
    if (strstr(text, "secret"))
        escaped("%s shows it: %s", what, text);
    gate(SYS_close, fd, 0, 0, 0, 0, 0);
}

static void dots(void)
{
    static const char *const forms[] = {
        "../secret",    "..",   "./../secret", "a/../../secret", "/etc/passwd",
        "//etc/passwd", "./",   "a//b",        "a/./b",          ".",
        "..\\secret",   "\\..", "a/..",        "../../..",       "...",
        "..../secret",
    };
    unsigned v = export_of("/v"), r = export_of("/r");

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        must_not_show(ask_open(0, uri(v, forms[i]), O_RDONLY), forms[i]);
        must_fail(ask_open(0, uri(r, forms[i]), O_RDONLY), forms[i]);
        must_fail(ask_open(0, uri(r, forms[i]), O_RDWR | O_CREAT), forms[i]);
        must_fail(ask_remove(0, uri(r, forms[i]), 0), forms[i]);
    }
    must_fail(ask_rename(0, uri(v, "file"), uri(v, "../file"), 0), "rename out of it");
    must_fail(ask_make(0, uri(v, "../made"), HOST_MAKE_DIR, ""), "make outside");
    must_fail(ask_make(0, uri(v, "link"), HOST_MAKE_LINK, uri(v, "../secret")), "link outside");
    must_fail(ask_remove(0, uri(v, "../secret"), 0), "remove outside");
    must_fail(ask_remove(0, uri(v, ".."), 1), "remove the parent");
    must_fail(ask_remove(0, uri(v, ""), 1), "remove the export");
}

/* URIs that are none. */
static void forms(void)
{
    static const char *const texts[] = {
        "",
        "dir:",
        "dir:/etc/passwd",
        "dir:-1/x",
        "dir:0",
        "dir: 0/usr",
        "dir:0x0/",
        "dir:99999999999999999999/",
        "dir:+0/",
        "file:/etc/passwd",
        "/etc/passwd",
        "host:",
        "host:../../etc/passwd",
        "host:/etc",
        "host:self",
        "tcp:127.0.0.1:22",
        "unix:/run/dbus",
        "dir:4294967296/",
        "dir:18446744073709551616/",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        must_fail(ask_open(0, texts[i], O_RDONLY), texts[i]);
        must_fail(ask_attributes(0, texts[i]), texts[i]);
    }
}

/* Symbolic links of its own making, to everywhere. */
static void links(void)
{
    static const char *const targets[] = {
        "/",
        "..",
        "../secret",
        "/etc/shadow",
        "/proc/self/root",
        "/proc/self/fd",
        "/proc/self/cwd",
        "/proc/1/root",
        "/dev/mem",
    };
    unsigned v = export_of("/v");
    char outside[4200];

    snprintf(outside, sizeof(outside), "%s/secret", given("OUTSIDE"));
    for (size_t i = 0; i <= sizeof(targets) / sizeof(targets[0]); i++) {
        const char *to = i ? targets[i - 1] : outside;
        if (ask_make(0, uri(v, "out"), HOST_MAKE_SYMLINK, to) < 0)
            escaped("cannot make a link in a volume of its own");
        must_fail(ask_open(0, uri(v, "out"), O_RDONLY), to);
        must_fail(ask_open(0, uri(v, "out"), O_RDWR | O_CREAT), to);
        must_fail(ask_open(0, uri(v, "out"), O_RDWR | O_TRUNC), to);
        must_fail(ask_open(0, uri(v, "out/secret"), O_RDONLY), to);
        must_fail(ask_open(0, uri(v, "out/0"), O_RDONLY), to);
        must_fail(ask_open(0, uri(v, "out/made"), O_RDWR | O_CREAT), to);
        must_fail(ask_open(0, uri(v, "out"), O_DIRECTORY | O_TMPFILE | O_RDWR), to);
        must_fail(ask_make(0, uri(v, "out/made"), HOST_MAKE_DIR, ""), to);
        must_fail(ask_remove(0, uri(v, "out/secret"), 0), to);
        must_fail(ask_rename(0, uri(v, "file"), uri(v, "out/file"), 0), to);
        must_fail(ask_make(0, uri(v, "hard"), HOST_MAKE_LINK, uri(v, "out/secret")), to);
        ask_remove(0, uri(v, "out"), 0);
    }
}

/* A hard link to a link is a link still. */
static void link_to_link(void)
{
    unsigned v = export_of("/v");
    char outside[4200];

    snprintf(outside, sizeof(outside), "%s/secret", given("OUTSIDE"));
    ask_make(0, uri(v, "one"), HOST_MAKE_SYMLINK, outside);
    if (ask_make(0, uri(v, "two"), HOST_MAKE_LINK, uri(v, "one")) >= 0)
        must_fail(ask_open(0, uri(v, "two"), O_RDONLY), "a hard link to a link");
    ask_remove(0, uri(v, "one"), 0);
    ask_remove(0, uri(v, "two"), 0);
}

/* The kernel's names for other processes' files. */
static void magic(void)
{
    static const char *const names[] = {
        "proc/self/fd/0", "proc/self/root/etc/shadow",
        "proc/self/mem",  "proc/1/root",
        "proc",           "sys/kernel",
        "dev/mem",        "dev/kmsg",
        "dev/tty",        "run/user",
        "root",           "home",
        "etc/shadow",     "var/run",
        "boot",           "tmp",
        "var/spool/cron",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        must_fail(ask_open(0, uri(0, names[i]), O_RDONLY), names[i]);
        must_fail(ask_open(0, uri(0, names[i]), O_RDWR), names[i]);
    }
}

/* The read-only export, and the host's root, in every way that changes something. */
static void read_only(void)
{
    unsigned r = export_of("/r");
    struct message_attributes_set *m = message_buffer(0);

    must_fail(ask_open(0, uri(r, "file"), O_RDWR), "open");
    must_fail(ask_open(0, uri(r, "file"), O_RDONLY | O_TRUNC), "truncate");
    must_fail(ask_open(0, uri(r, "new"), O_WRONLY | O_CREAT), "create");
    must_fail(ask_open(0, uri(r, ""), O_TMPFILE | O_RDWR), "unnamed file");
    must_fail(ask_make(0, uri(r, "new"), HOST_MAKE_DIR, ""), "mkdir");
    must_fail(ask_make(0, uri(r, "new"), HOST_MAKE_FIFO, ""), "mkfifo");
    must_fail(ask_rename(0, uri(r, "file"), uri(r, "other"), 0), "rename");
    must_fail(ask_remove(0, uri(r, "file"), 0), "remove");
    must_fail(ask_make(0, uri(export_of("/v"), "l"), HOST_MAKE_LINK, uri(r, "file")),
              "link from it");
    must_fail(ask_rename(0, uri(r, "file"), uri(export_of("/v"), "f"), 0), "move out of it");
    must_fail(ask_rename(0, uri(export_of("/v"), "file"), uri(r, "f"), 0), "move into it");
    must_fail(ask_open(0, uri(0, "etc/passwd"), O_WRONLY), "the host's passwd");
    for (unsigned mask = 1; mask < 64; mask++) {
        memset(m, 0, sizeof(*m));
        strcpy(m->uri, uri(r, "file"));
        m->handle = -1;
        m->mask = mask;
        m->attr.mode = 0777;
        must_fail(ask(0, HOST_CALL_ATTRIBUTES_SET, sizeof(*m) + strlen(m->uri) + 1, 0, 0, 0),
                  "attributes");
    }
}

/* Files that would mean something outside: set-user-ID, devices. */
static void special_files(void)
{
    unsigned v = export_of("/v");
    struct message_attributes_set *m = message_buffer(0);
    struct message_make *make = message_buffer(1);

    long fd = ask_open(2, uri(v, "tool"), O_WRONLY | O_CREAT);
    if (fd < 0)
        escaped("cannot make a file in a volume of its own: %ld", fd);
    memset(m, 0, sizeof(*m));
    strcpy(m->uri, uri(v, "tool"));
    m->handle = -1;
    m->mask = HOST_SET_MODE;
    m->attr.mode = 06777;
    ask(0, HOST_CALL_ATTRIBUTES_SET, sizeof(*m) + strlen(m->uri) + 1, 0, 0, 0);
    m->handle = (int)fd;
    ask(0, HOST_CALL_ATTRIBUTES_SET, sizeof(*m) + strlen(m->uri) + 1, 0, 0, 0);
    if (ask_attributes(3, uri(v, "tool")) != 0 ||
        ((struct message_attributes_get *)message_buffer(3))->attr.mode & 06000)
        escaped("a set-user-ID file outside");
    for (uint32_t kind = HOST_MAKE_SOCKET + 1; kind < 20; kind++) {
        make->kind = kind;
        make->mode = 0020666;
        strcpy(make->uri, uri(v, "device"));
        must_fail(ask(1, HOST_CALL_MAKE, sizeof(*make) + strlen(make->uri) + 2, 0, 0, 0),
                  "a device");
    }
    /* A FIFO nobody writes must not stop the monitor. */
    ask_make(0, uri(v, "fifo"), HOST_MAKE_FIFO, "");
    must_fail(ask_open(0, uri(v, "fifo"), O_RDONLY), "a FIFO");
    must_fail(ask_open(0, uri(v, "fifo"), O_WRONLY), "a FIFO");
    ask_remove(0, uri(v, "fifo"), 0);
    ask_remove(0, uri(v, "tool"), 0);
}

/* Mounts in between: what the host mounts beneath an exported directory belongs to it, with the
 * export's rights and without a way up (the harness has one file system at `under`, and mounts
 * and unmounts another at `race`). */
static void mounts(void)
{
    static const char *const forms[] = {"under/..",     "under/../secret",   "under/../../secret",
                                        "race/..",      "race/../../secret", "under/.",
                                        "race/../under"};
    unsigned v = export_of("/v"), r = export_of("/r");
    long fd = ask_open(0, uri(v, "under/file"), O_RDWR);

    if (fd < 0)
        escaped("a mount beneath a volume is not there: %ld", fd);
    gate(SYS_close, fd, 0, 0, 0, 0, 0);
    must_fail(ask_open(0, uri(r, "under/file"), O_RDWR), "writing to a mount in a read-only one");
    must_fail(ask_open(0, uri(r, "under/made"), O_RDWR | O_CREAT), "making a file in it");
    must_fail(ask_remove(0, uri(r, "under/file"), 0), "removing from it");
    must_fail(ask_rename(0, uri(v, "under/file"), uri(v, "moved"), 0), "moving out of a mount");
    must_fail(ask_make(0, uri(v, "linked"), HOST_MAKE_LINK, uri(v, "under/file")), "a link out");
    must_fail(ask_remove(0, uri(v, "under"), 1), "removing a mount point");
    for (int i = 0; i < 1500; i++) {
        const char *form = forms[below(sizeof(forms) / sizeof(forms[0]))];
        must_not_show(ask_open(0, uri(v, form), O_RDONLY), form);
        must_fail(ask_open(0, uri(v, form), O_RDONLY), form);
        must_not_show(ask_open(0, uri(v, "race/secret"), O_RDONLY), "the race");
        fd = ask_open(0, uri(v, "race/made"), O_RDWR | O_CREAT);
        if (fd >= 0)
            gate(SYS_close, fd, 0, 0, 0, 0, 0);
        ask_remove(0, uri(v, "race/made"), 0);
    }
}

/* ---- races ------------------------------------------------------------------------------- */

static volatile bool stop;
static unsigned volume;

/* `swap` is a directory at one moment and a link out of the volume at the next. */
static void swap_names(void)
{
    while (!stop)
        ask_rename(1, uri(volume, "swap"), uri(volume, "other"), 2 /* exchange */);
    gate(SYS_exit, 0, 0, 0, 0, 0, 0);
}
static void link_race(void)
{
    volume = export_of("/v");
    ask_make(0, uri(volume, "swap"), HOST_MAKE_DIR, "");
    ask_make(0, uri(volume, "other"), HOST_MAKE_SYMLINK, given("OUTSIDE"));
    char *name = strdup(uri(volume, "swap/secret")), *made = strdup(uri(volume, "swap/made"));
    raw_thread(1, swap_names);
    for (int i = 0; i < 4000; i++) {
        must_not_show(ask_open(0, name, O_RDONLY), "the race");
        if (ask_open(0, made, O_WRONLY | O_CREAT | O_TRUNC) >= 0)
            ask_remove(0, made, 0);
    }
    stop = true;
    raw_sleep(2000000);
    ask_remove(0, uri(volume, "swap/made"), 0);
    ask_remove(0, uri(volume, "other/made"), 0);
    ask_remove(0, uri(volume, "swap"), 1);
    ask_remove(0, uri(volume, "other"), 1);
    ask_remove(0, uri(volume, "swap"), 0);
    ask_remove(0, uri(volume, "other"), 0);
}

/* The harness swaps /v/dance itself, on the host: a directory, a link, nothing. */
static void host_race(void)
{
    unsigned v = export_of("/v");
    char *name = strdup(uri(v, "dance/secret")), *up = strdup(uri(v, "dance"));

    for (int i = 0; i < 4000; i++) {
        must_not_show(ask_open(0, name, O_RDONLY), "the dance");
        must_not_show(ask_open(0, up, O_RDONLY), "the dance");
    }
}

const struct attack path_attacks[] = {
    {"path-dots", REFUSED, NULL, dots},
    {"path-forms", REFUSED, NULL, forms},
    {"path-links", REFUSED, NULL, links},
    {"path-link-to-link", REFUSED, NULL, link_to_link},
    {"path-magic", REFUSED, NULL, magic},
    {"path-read-only", REFUSED, NULL, read_only},
    {"path-special-files", REFUSED, NULL, special_files},
    {"path-link-race", REFUSED, NULL, link_race},
    {"path-host-race", REFUSED, NULL, host_race},
    {"path-mounts", REFUSED, NULL, mounts},
    {0},
};
