/* Using up what the host has.  A limit holds against a program that means harm, so each is
 * tried past the library OS. */
#include "hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static void sleeper(void)
{
    for (;;)
        raw_sleep(1000000000);
}

/* Every file it can get, and no word about closing any. */
static void descriptors(void)
{
    long last = 0;

    for (int i = 0; i < 30000 && last >= 0; i++)
        last = ask_open(0, "dir:0/etc/passwd", O_RDONLY);
    if (ask_attributes(0, "dir:0/usr") != 0)
        escaped("the monitor serves no more");
}

/* The monitor keeps a descriptor for each handle that is open for writing: as many as it can
 * get, then with the numbers closed behind its back. */
static void monitor_descriptors(void)
{
    const struct boot_info *b = (const struct boot_info *)SEG_BASE;
    char uri[] = "dir:0/file";
    long fd = 0;

    for (uint32_t i = 0; i < b->nmounts; i++)
        if (!strcmp((const char *)b + b->mounts[i].guest, "/v"))
            uri[4] = (char)('0' + b->mounts[i].index);
    for (int i = 0; i < 40000 && fd >= 0; i++)
        fd = ask_open(0, uri, O_RDWR);
    for (int i = 0; i < 40000; i++) {
        fd = ask_open(0, uri, O_RDWR);
        if (fd >= 0)
            gate(SYS_close, fd, 0, 0, 0, 0, 0);
        else
            gate(SYS_close, GATE_FD_TRACE + 1 + (long)below(1000), 0, 0, 0, 0, 0);
    }
    if (ask_attributes(0, "dir:0/usr") != 0)
        escaped("the monitor serves no more");
}

/* What is over a limit for so long was not held: the monitor looks many times a second, but may be
 * short of CPU time itself. */
static void must_be_held(bool over, const char *what)
{
    if (!over)
        return;
    raw_sleep(30000000000);
    escaped("%s", what);
}

static void processes(void)
{
    unsigned n = 0;

    while (n < 400 && raw_process(n, sleeper) > 0)
        n++;
    must_be_held(n >= 400, "400 processes where 20 were allowed");
}

static void threads(void)
{
    unsigned n = 0;

    while (n < 400 && raw_thread(n, sleeper) > 0)
        n++;
    must_be_held(n >= 400, "400 threads where 20 were allowed");
}

/* Memory behind the library OS's back: its own segment, the pool, and private memory. */
static void touch(uint64_t from, uint64_t size)
{
    for (uint64_t at = from; at < from + size; at += PAGE_SIZE)
        *(volatile char *)at = 1;
}

static void segment(void)
{
    touch(SEG_BASE + SEG_HEAP_END - (1UL << 30), 512 << 20);
    must_be_held(true, "512 MB of segment where 64 MB were allowed");
}

static void pool(void)
{
    touch(POOL_BASE + POOL_SIZE - (1UL << 30), 512 << 20);
    must_be_held(true, "512 MB of pool where 64 MB were allowed");
}

static void private_memory(void)
{
    long rc = gate(SYS_mmap, 0x100000000, 512 << 20, 3, GATE_MMAP_PRIVATE_ANON | 0x8000, -1, 0);

    must_be_held(rc >= 0, "512 MB where 64 MB were allowed");
}

static void many_spaces(void)
{
    for (unsigned i = 0; i < 8; i++)
        raw_process(i, private_memory);
    sleeper();
}

/* CPU time of processes the library OS does not know of. */
static void burn(void)
{
    for (;;)
        __asm__ volatile("pause");
}
static void cpu_time(void)
{
    for (unsigned i = 0; i < 4; i++)
        raw_process(i, burn);
    burn();
}

/* Output straight to the host's descriptor, and files that grow without the library OS. */
static void output(void)
{
    static char text[65536];
    struct {
        void *base;
        size_t size;
    } iov = {text, sizeof(text)};

    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 100; i++)
        gate(SYS_pwritev2, GATE_FD_STDOUT, (long)&iov, 1, -1, -1, 0);
    must_be_held(true, "6 MB of output where 100 KB were allowed");
}

static void large_file(void)
{
    const struct boot_info *b = (const struct boot_info *)SEG_BASE;
    struct {
        const void *base;
        size_t size;
    } iov = {"x", 1};

    for (uint32_t i = 0; i < b->nmounts; i++) {
        if (strcmp((const char *)b + b->mounts[i].guest, "/v") != 0)
            continue;
        char uri[] = "dir:0/large";
        uri[4] = (char)('0' + b->mounts[i].index);
        long fd = ask_open(0, uri, O_WRONLY | O_CREAT);
        long rc = gate(SYS_pwritev2, fd, (long)&iov, 1, 1 << 20, 0, 0);
        struct message_control *m = message_buffer(1);
        *m = (struct message_control){(int)fd, HOST_TRUNCATE, 1 << 20, 0, 0, 0, 0};
        long truncated = ask(1, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0);
        *m = (struct message_control){(int)fd, HOST_ALLOCATE, 0, 0, 1 << 20, 0, 0};
        long allocated = ask(1, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0);
        ask_remove(0, uri, 0);
        if (fd < 0 || rc >= 0 || truncated >= 0 || allocated >= 0)
            escaped("open %ld, write %ld, truncate %ld, allocate %ld", fd, rc, truncated,
                    allocated);
        return;
    }
    escaped("no volume");
}

/* The monitor speaks to a pipe that is full: it must go on minding the time. */
static void full_pipe(void)
{
    static char text[4096];
    struct {
        void *base;
        size_t size;
    } iov = {text, sizeof(text)};

    while (gate(SYS_pwritev2, GATE_FD_STDERR, (long)&iov, 1, -1, -1, HOST_NOWAIT) > 0)
        ;
    memcpy(message_buffer(0), "full", 5);
    for (int i = 0; i < 100; i++)
        ask(0, HOST_CALL_REPORT, 5, HOST_REPORT_OOM, 0, 0);
    sleeper();
}

/* A tree of processes that fork as fast as they can; whoever ends it must end all. */
static void fork_storm(void)
{
    for (unsigned i = 0; i < 24; i++)
        raw_process(i, fork_storm);
    sleeper();
}

/* Runs on through a freeze: threads and a process the library OS cannot bring to rest, and
 * messages that say they do.  (Carried out by tests/hostile/run alone.) */
static void freeze_noise(void)
{
    for (;;) {
        ask(5, HOST_CALL_FREEZE_READY, 0, (long)any(), 1, 0);
        raw_sleep(1000000);
    }
}
static void never_rests(void)
{
    raw_thread(1, burn);
    raw_process(2, burn);
    if (below(2))
        raw_thread(3, freeze_noise);
    printf("ready\n");
    fflush(stdout);
    burn();
}

const struct attack exhaust_attacks[] = {
    {"never-rests", ANY, "--timeout 1", never_rests},
    {"exhaust-descriptors", REFUSED, NULL, descriptors},
    {"exhaust-monitor-descriptors", REFUSED, NULL, monitor_descriptors},
    {"exhaust-processes", HELD, "--pids 20", processes},
    {"exhaust-threads", HELD, "--pids 20", threads},
    {"exhaust-segment", HELD, "--memory 64m", segment},
    {"exhaust-pool", HELD, "--memory 64m", pool},
    {"exhaust-private", HELD, "--memory 64m", private_memory},
    {"exhaust-spaces", HELD, "--memory 64m", many_spaces},
    {"exhaust-cpu-time", HELD, "--cpu-time 1", cpu_time},
    {"exhaust-output", HELD, "--output 100k", output},
    {"exhaust-large-file", REFUSED, "--output 100k", large_file},
    {"exhaust-full-pipe", ANY, "--timeout 1", full_pipe},
    {"exhaust-fork-storm", ANY, "--pids 100 --timeout 1", fork_storm},
    {0},
};
