/* The picoprocess against itself: library OS, PAL, segment, pool and what holds them.  All
 * of it is the attacker's to destroy; the sandbox may die of it, and nothing else. */
#include "hostile.h"

#include <string.h>
#include <sys/syscall.h>

static long unmap(uint64_t from, uint64_t to)
{
    return gate(SYS_munmap, (long)from, (long)(to - from), 0, 0, 0, 0);
}

static void unmap_pal(void)
{
    unmap(IMAGE_BASE, HOSTVDSO_BASE);
    escaped("went on without the gate");
}

static void unmap_segment(void)
{
    unmap(SEG_BASE, SEG_BASE + SEG_SIZE);
    escaped("went on without the segment");
}

/* Every other way of having something else where gate, image, segment, pool or the host's vDSO
 * are: picked by the seed, as each is the last thing it does. */
static void replace_inside(void)
{
    static const uint64_t places[] = {IMAGE_BASE,      IMAGE_BASE + GATE_SIZE,    HOSTVDSO_BASE,
                                      SEG_BASE,        SEG_BASE + SEG_DATA,       POOL_BASE,
                                      EXIT_STACK_BASE, SEG_BASE + SEG_SIZE - 4096};
    static const long page = PAGE_SIZE, other = 0x10000000;
    const long at = (long)places[below(sizeof(places) / sizeof(places[0]))];
    const long calls[][7] = {
        {SYS_mmap, at, page, 7, GATE_MMAP_PRIVATE_ANON, -1, 0},
        {SYS_mmap, at - page, 3 * page, 7, GATE_MMAP_PRIVATE_ANON, -1, 0},
        {SYS_mmap, at, page, 3, GATE_MMAP_SHARED_FILE, GATE_FD_SEGMENT, 0},
        {SYS_mmap, other, INSIDE_END - other, 0, GATE_MMAP_PRIVATE_ANON, -1, 0},
        {SYS_mmap, ROOT_IMAGE_BASE, page, 7, GATE_MMAP_PRIVATE_FILE, GATE_FD_SEGMENT, 0},
        {SYS_munmap, other, INSIDE_END - other, 0, 0, 0, 0},
        {SYS_munmap, at, page, 0, 0, 0, 0},
        {SYS_mprotect, at, page, 7, 0, 0, 0},
        {SYS_mprotect, at, page, 0, 0, 0, 0},
        {SYS_mremap, at, page, page, GATE_MREMAP_MOVE, other, 0},
        {SYS_mremap, at, page, page, GATE_MREMAP_KEEP, other, 0},
        {SYS_mremap, other, page, page, GATE_MREMAP_MOVE, at, 0},
        {SYS_mremap, at, page, 2 * page, 0, at, 0},
    };

    gate(SYS_mmap, other, page, 7, GATE_MMAP_PRIVATE_ANON, -1, 0);
    const long *c = calls[below(sizeof(calls) / sizeof(calls[0]))];
    long rc = gate(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
    escaped("call %ld at %#lx gave %ld", c[0], c[1], rc);
}

static void unmap_all(void)
{
    unmap(0, INSIDE_BASE); /* this code too */
    escaped("went on without code");
}

/* The library OS's text writable, and every byte of it another. */
static void overwrite_pal(void)
{
    uint64_t text = IMAGE_BASE + GATE_SIZE;

    gate(SYS_mprotect, (long)text, 16 * PAGE_SIZE, 7, 0, 0, 0);
    memset((void *)text, 0xcc, 16 * PAGE_SIZE);
    escaped("the library OS's text was written");
}

/* Globals and the first of the heap: locks, tables, pointers, all of it noise. */
static void fill(uint64_t from, uint64_t size)
{
    for (uint64_t *p = (uint64_t *)from; (uint64_t)p < from + size; p++)
        *p = odd();
}
static void write_segment(void)
{
    fill(SEG_BASE + SEG_HEAP, 1 << 20);
    fill(SEG_BASE + SEG_DATA, 1 << 20);
    gate(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* What the monitor wrote at the start and reads itself again, if it does. */
static void write_boot_info(void)
{
    memset((void *)SEG_BASE, 0xff, BOOT_SIZE);
    ask_attributes(0, "dir:0/");
    ask(0, HOST_CALL_REPORT, 0, HOST_REPORT_EXIT, 0, 0);
}

static void write_threads(void)
{
    fill(SEG_BASE + SEG_SLOTS, SLOT_SIZE);
    gate(SYS_exit_group, 1, 0, 0, 0, 0, 0);
}

/* The memory objects cannot be shrunk under the monitor, which has them mapped. */
static void shrink_segment(void)
{
    struct message_control *m = message_buffer(0);

    for (int handle = 0; handle < GATE_FD_FIRST; handle++) {
        *m = (struct message_control){handle, HOST_TRUNCATE, 0, 0, 0, 0, 0};
        long rc = ask(0, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0);
        if (rc >= 0)
            escaped("truncating handle %d gave %ld", handle, rc);
        *m =
            (struct message_control){handle, HOST_ALLOCATE, 3 /* punch a hole */, 0, 1 << 20, 0, 0};
        if (ask(0, HOST_CALL_CONTROL, sizeof(*m), 0, 0, 0) >= 0)
            escaped("a hole in handle %d", handle);
    }
}

/* Holes in the segment where the monitor reads and writes messages: they come back as
 * zeros, never as a fault of the monitor's. */
static void hole_under_message(void)
{
    for (int i = 0; i < 2000; i++) {
        char *buffer = message_buffer(0);
        gate(SYS_madvise, (long)buffer & ~4095L, SLOT_MESSAGE_SIZE, HOST_DISCARD_HOLE, 0, 0, 0);
        if (ask_attributes(0, "dir:0/usr") != 0)
            escaped("a plain request failed");
    }
}

/* Mapping streams in ways they were not opened for. */
static void map_read_only_file(void)
{
    long fd = ask_open(0, "dir:0/etc/passwd", 0);

    if (fd < 0)
        escaped("cannot open what everybody may read: %ld", fd);
    long rc = gate(SYS_mmap, 0x10000000, PAGE_SIZE, 3, GATE_MMAP_SHARED_FILE, fd, 0);
    if (rc >= 0)
        escaped("a read-only file is mapped writable");
    rc = gate(SYS_mmap, 0x10000000, PAGE_SIZE, 1, GATE_MMAP_SHARED_FILE, fd, 0);
    if (rc < 0)
        escaped("cannot map what can be read: %ld", rc);
    if (gate(SYS_mprotect, 0x10000000, PAGE_SIZE, 3, 0, 0, 0) >= 0)
        escaped("a read-only mapping became writable");
    if (gate(SYS_madvise, 0x10000000, PAGE_SIZE, HOST_DISCARD_HOLE, 0, 0, 0) >= 0)
        escaped("a hole in a read-only file");
    struct {
        const void *base;
        size_t size;
    } iov = {"x", 1};
    if (gate(SYS_pwritev2, fd, (long)&iov, 1, 0, 0, 0) >= 0)
        escaped("a write to a read-only file");
}

const struct attack memory_attacks[] = {
    {"unmap-pal", KILLED, NULL, unmap_pal},
    {"unmap-segment", KILLED, NULL, unmap_segment},
    {"unmap-all", ANY, NULL, unmap_all},
    {"remap-pal", KILLED, NULL, replace_inside},
    {"overwrite-pal", KILLED, NULL, overwrite_pal},
    {"write-segment", ANY, NULL, write_segment},
    {"write-boot-info", ANY, NULL, write_boot_info},
    {"write-threads", ANY, NULL, write_threads},
    {"shrink-segment", REFUSED, NULL, shrink_segment},
    {"hole-under-message", REFUSED, NULL, hole_under_message},
    {"map-read-only-file", REFUSED, NULL, map_read_only_file},
    {0},
};
