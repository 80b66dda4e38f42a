/* A stand-in for the library OS: a few hundred bytes that misbehave on request.  argv[0]
 * names what to do; the exit status says how it went. */
#include <stddef.h>
#include <stdint.h>

#include "../../abi/boot.h"
#include "../../abi/gate.h"
#include "../../abi/layout.h"
#include "../../abi/message.h"
#include "../../pal/enter.h"
#include "../../pal/host_vdso.h"
#include "contract.h"

#define SLOT0    (SEG_BASE + SEG_SLOTS)
#define MESSAGE  ((void *)(SLOT0 + SLOT_MESSAGE))
#define O_RDONLY 0
#define O_WRONLY 1
#define O_CREAT  0100
#define ENOENT   2
#define EROFS    30

long gate(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
void host_signal(int sig, void *info, void *context);

/* Writable data and bss live in the segment. */
static volatile int initialised = 42, zeroed;
static volatile int expected_signal;

void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memset(void *to, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = (char)c;
    return to;
}
static size_t length(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}
static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static long call(int nr, size_t len, long a4, long a5, long a6)
{
    return gate(HOST_MONITOR_NR, nr, SEG_SLOTS + SLOT_MESSAGE, (long)len, a4, a5, a6);
}
static _Noreturn void leave(int status)
{
    for (;;)
        call(HOST_CALL_REPORT, 0, HOST_REPORT_EXIT, status << 8, 0);
}
static void need(int ok, int status)
{
    if (!ok)
        leave(status);
}

static long open_uri(const char *uri, int flags)
{
    struct message_open *m = MESSAGE;

    memcpy(m->uri, uri, length(uri) + 1);
    m->flags = flags;
    m->mode = 0644;
    return call(HOST_CALL_OPEN, sizeof(*m) + length(uri) + 1, 0, 0, 0);
}
static long attributes(const char *uri)
{
    struct message_attributes_get *m = MESSAGE;

    memcpy(m->text, uri, length(uri) + 1);
    m->handle = -1;
    m->what = MESSAGE_ATTRIBUTES;
    return call(HOST_CALL_ATTRIBUTES_GET, sizeof(*m) + length(uri) + 1, 0, 0, 0);
}
/* Everything below the export's root; the last to be opened. */
static long walk_open(const char *uri)
{
    struct message_attributes_get *m = MESSAGE;

    memcpy(m->text, uri, length(uri) + 1);
    m->handle = -1;
    m->what = MESSAGE_WALK_OPEN;
    m->size = 4096;
    m->known = 5; /* "dir:N" */
    return call(HOST_CALL_ATTRIBUTES_GET, sizeof(*m) + length(uri) + 1, 0, 0, 0);
}
static long list(const char *uri, uint64_t *cookie)
{
    struct message_list *m = MESSAGE;

    memcpy(m->data, uri, length(uri) + 1);
    m->cookie = *cookie;
    m->size = 0x7000;
    long rc = call(HOST_CALL_LIST, sizeof(*m) + length(uri) + 1, 0, 0, 0);
    *cookie = m->cookie;
    return rc;
}
static long move(long nr, int fd, void *p, size_t n, long flags)
{
    struct {
        void *base;
        size_t len;
    } iov = {p, n};
    return gate(nr, fd, (long)&iov, 1, -1, -1, flags);
}
static void print(const char *s) { move(328, GATE_FD_STDOUT, (void *)s, length(s), 0); }

/* ---- what can be asked for ------------------------------------------------------------- */

static void files(void)
{
    struct message_open *m = MESSAGE;
    char text[64];
    uint64_t cookie = 0;
    int saw_usr = 0, saw_root = 0;

    need(open_uri("dir:0/etc/shadow", O_RDONLY) == -ENOENT, 10);
    need(open_uri("dir:0/root", O_RDONLY) == -ENOENT, 11);
    need(open_uri("dir:0/etc/passwd", O_WRONLY) == -EROFS, 12);
    long fd = open_uri("dir:0/etc/passwd", O_RDONLY);
    need(fd >= GATE_FD_FIRST && (m->attr.mode & 0170000) == 0100000, 13);
    need(move(327, (int)fd, text, 5, 0) == 5 && text[0] == 'r' && text[4] == ':', 14);
    need(gate(3, fd, 0, 0, 0, 0, 0) == 0, 15);
    long n = list("dir:0/", &cookie);
    need(n > 0, 16);
    for (char *p = ((struct message_list *)MESSAGE)->data, *end = p + n; p < end;) {
        struct host_dirent *d = (void *)p;
        saw_usr |= same(d->name, "usr");
        saw_root |= same(d->name, "root");
        p += d->reclen;
    }
    need(saw_usr && !saw_root, 17);
    need(attributes("dir:0/usr/bin/env") == 0, 18);
    need(attributes("dir:0/proc/self") == -ENOENT, 19);
    const struct message_attributes_get *walk = MESSAGE;
    need(walk_open("dir:0/etc/shadow") == 0 && walk->handle == 1 && walk->known == 1, 21);
    fd = walk_open("dir:0/etc/passwd");
    need(fd >= GATE_FD_FIRST && walk->handle == 2 && walk->known == 0, 22);
    need(move(327, (int)fd, text, 5, 0) == 5 && text[0] == 'r' && text[4] == ':', 23);
    need(walk_open("dir:0/etc/passwd/x") == 0 && walk->handle == 2 && walk->known == 0, 24);
    need(walk_open("dir:0/usr/bin") == 0 && walk->handle == 2, 25);
    need(walk_open("dir:0/bin/env") > 0 && walk->handle >= 2, 26); /* maybe through a link */
    need(walk_open("dir:0/root") == -ENOENT, 27);
    fd = open_uri("host:cpuinfo", O_RDONLY);
    need(fd > 0 && move(327, (int)fd, text, 9, 0) == 9 && text[0] == 'p', 20);
}

static long simple(int nr, const char *uri)
{
    struct message_remove *m = MESSAGE;

    memcpy(m->uri, uri, length(uri) + 1);
    m->dir = 0;
    return call(nr, sizeof(*m) + length(uri) + 1, 0, 0, 0);
}

/* Export 1 is a writable directory, 2 the same read-only, 3 a file in it. */
static void volume(void)
{
    struct message_control *m = MESSAGE;
    char text[8];

    long fd = open_uri("dir:1/new", O_WRONLY | O_CREAT);
    need(fd > 0, 30);
    need(move(328, (int)fd, "hello", 5, 0) == 5, 31);
    *m = (struct message_control){(int)fd, HOST_TRUNCATE, 4, 0, 0, 0, 0};
    need(call(HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0) == 0, 32);
    *m = (struct message_control){(int)fd, HOST_CLOSE, 0, 0, 0, 0, 0};
    need(call(HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0) == 0, 33);
    need(gate(3, fd, 0, 0, 0, 0, 0) == 0, 34);
    fd = open_uri("dir:2/new", O_RDONLY);
    need(fd > 0 && move(327, (int)fd, text, 8, 0) == 4, 35);
    need(open_uri("dir:2/other", O_WRONLY | O_CREAT) == -EROFS, 36);
    need(open_uri("dir:3/", O_RDONLY) > 0, 37);
    need(open_uri("dir:3/x", O_RDONLY) < 0, 38);
    need(open_uri("dir:1/link", O_RDONLY) < 0, 39); /* a link out of it */
    need(open_uri("dir:1/fifo", O_RDONLY) == -6, 40);
    need(walk_open("dir:1/link") == 0, 46);
    need(walk_open("dir:1/fifo") == 0, 47);
    need(walk_open("dir:1/../etc/passwd") == -22, 48);
    need(simple(HOST_CALL_REMOVE, "dir:2/new") == -EROFS, 41);
    need(simple(HOST_CALL_REMOVE, "dir:1/new") == 0, 42);
    need(attributes("dir:1/new") == -ENOENT, 43);
    need(open_uri("dir:1/../etc/passwd", O_RDONLY) == -22, 44);
    need(open_uri("dir:9/x", O_RDONLY) == -22, 45);
}

static void nap(uint64_t ns)
{
    static uint32_t word;
    struct {
        long sec, nsec;
    } at;
    long (*clock)(long, void *) = (void *)0;
    struct boot_info *boot = (void *)(SEG_BASE + SEG_BOOT);

    clock = (long (*)(long, void *))(HOSTVDSO_BASE + boot->vdso.clock_gettime);
    clock(1, &at);
    at.nsec += (long)ns;
    at.sec += at.nsec / 1000000000;
    at.nsec %= 1000000000;
    gate(202, (long)&word, GATE_FUTEX_WAIT, 0, (long)&at, 0, 0xffffffffL);
}

static void wait_for_mail(struct boot_info *boot, int sig)
{
    print("ready\n");
    while (!(__atomic_load_n(&boot->mailbox_signals, __ATOMIC_SEQ_CST) & (1UL << (sig - 1))))
        nap(1000000);
    __atomic_fetch_and(&boot->mailbox_signals, ~(1UL << (sig - 1)), __ATOMIC_SEQ_CST);
}

static void sleep_forever(void)
{
    for (;;)
        nap(100000000);
}

/* A second address space that sleeps. */
static void fork_sleeper(void)
{
    uint64_t *stack = (uint64_t *)(SLOT0 + SLOT_SIZE + SLOT_SIZE - 64);

    *stack = (uint64_t)sleep_forever;
    need(gate(56, GATE_CLONE_FORK, (long)stack, (long)(SLOT0 + SLOT_SIZE + SLOT_HOST_TID),
              (long)(SLOT0 + SLOT_SIZE + SLOT_HOST_TID), 0, 0) > 0,
         50);
}

/* As many as it can get, up to 64. */
static void fork_many(void)
{
    for (uint64_t i = 1; i <= 64; i++) {
        uint64_t slot = SLOT0 + i * SLOT_SIZE, *stack = (uint64_t *)(slot + SLOT_SIZE - 64);
        *stack = (uint64_t)sleep_forever;
        if (gate(56, GATE_CLONE_FORK, (long)stack, (long)(slot + SLOT_HOST_TID),
                 (long)(slot + SLOT_HOST_TID), 0, 0) < 0)
            leave(0);
    }
    leave(51);
}

void host_signal(int sig, void *info, void *context)
{
    if (sig != GATE_INTERRUPT_SIGNAL)
        leave(sig == expected_signal ? 0 : 60);
}

/* ---- attacks: each must end in a trap (0) or a kill --------------------------------------- */

/* Machine code: mov rdi, rax; syscall; ret */
static const uint8_t raw_call[] = {0x48, 0x89, 0xf8, 0x0f, 0x05, 0xc3};

/* A page of the attacker's own where the gate was: its calls look as if from the gate. */
static void over_the_gate(void)
{
    void *elsewhere = (void *)0x10000000;
    long rc;

    rc = gate(9, (long)elsewhere, PAGE_SIZE, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    need(rc == (long)elsewhere, 70);
    memset(elsewhere, 0xc3 /* ret: where the gate's own call comes back to */, PAGE_SIZE);
    memcpy(elsewhere, raw_call, sizeof(raw_call));
    rc = gate(25, (long)elsewhere, PAGE_SIZE, PAGE_SIZE, GATE_MREMAP_MOVE, IMAGE_BASE, 0);
    /* The gate's own code is gone: from here on everything goes through the new page. */
    ((long (*)(long))IMAGE_BASE)(39);
    ((long (*)(long))IMAGE_BASE)(231);
}

static void attack(const char *what)
{
    long rc = 0;

    expected_signal = 31;
    if (same(what, "int80")) {
        __asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
        leave(71);
    }
    if (same(what, "x32")) {
        __asm__ volatile("syscall" : "=a"(rc) : "a"(0x40000000 | 39) : "rcx", "r11", "memory");
        leave(72);
    }
    if (same(what, "vsyscall")) {
        ((long (*)(long))0xffffffffff600400)(0); /* time() */
        leave(73);
    }
    if (same(what, "x32 in gate"))
        gate(0x40000000 | 39, 0, 0, 0, 0, 0, 0);
    if (same(what, "over the gate"))
        over_the_gate();
    if (same(what, "execve"))
        gate(59, 0, 0, 0, 0, 0, 0);
    if (same(what, "process"))
        gate(56, 17, 0, 0, 0, 0, 0);
    if (same(what, "poll elsewhere"))
        gate(281, GATE_FD_STDIN, 0, 1, 0, 0, 8);
}

static void set_signal_stack(void)
{
    struct {
        uint64_t sp;
        int flags;
        uint64_t size;
    } stack = {SLOT0 + SLOT_ALTSTACK, 0, SLOT_MESSAGE - SLOT_ALTSTACK};

    need(gate(131, (long)&stack, 0, 0, 0, 0, 0) == 0, 61);
}

_Noreturn void pal_start(struct boot_info *boot)
{
    const char *what = (const char *)boot + boot->argv.offset;

    need(boot->magic == BOOT_MAGIC && initialised == 42 && zeroed == 0, 3);
    need(*(volatile uint32_t *)(SLOT0 + SLOT_HOST_TID) == (uint32_t)boot->host_pid, 4);
    host_vdso_find(&boot->vdso);
    need(boot->vdso.clock_gettime != 0, 5);
    set_signal_stack();
    if (same(what, "seven"))
        leave(7);
    if (same(what, "files"))
        files();
    if (same(what, "volume"))
        volume();
    if (same(what, "outside")) { /* a system call of the program's */
        long rc;
        expected_signal = 31;
        __asm__ volatile("syscall" : "=a"(rc) : "a"(39) : "rcx", "r11", "memory");
        leave(62);
    }
    if (same(what, "fault")) {
        expected_signal = 11;
        __asm__ volatile("movl $1, 8" ::: "memory");
    }
    if (same(what, "unlisted"))
        gate(39, 0, 0, 0, 0, 0, 0);
    if (same(what, "lifeline"))
        gate(3, GATE_FD_LIFELINE, 0, 0, 0, 0, 0);
    if (same(what, "silent"))
        gate(231, 0, 0, 0, 0, 0, 0);
    attack(what);
    if (same(what, "wild"))
        gate(HOST_MONITOR_NR, HOST_CALL_OPEN, 0, 4096, 0, 0, 0);
    if (same(what, "unterminated"))
        call(HOST_CALL_OPEN, sizeof(struct message_open), 0, 0, 0);
    if (same(what, "unknown"))
        call(99, 0, 0, 0, 0);
    if (same(what, "missing")) {
        memcpy(MESSAGE, "prog", 5);
        call(HOST_CALL_REPORT, 5, HOST_REPORT_EXEC, 2, 0);
    }
    if (same(what, "calls"))
        for (int i = 0; i < 1000; i++)
            attributes("dir:0/usr/bin/env");
    if (same(what, "randoms"))
        for (int i = 0; i < 1000; i++)
            call(HOST_CALL_RANDOM, 16, 16, 0, 0);
    if (same(what, "sleep"))
        sleep_forever();
    if (same(what, "fork")) {
        fork_sleeper();
        print("ready\n");
        sleep_forever();
    }
    if (same(what, "fork many"))
        fork_many();
    if (same(what, "forkexit")) {
        fork_sleeper();
        leave(8);
    }
    if (same(what, "mail"))
        wait_for_mail(boot, 15);
    if (same(what, "stuck")) {
        print("ready\n");
        sleep_forever();
    }
    leave(0);
}
