/* Reads all memory of a sandbox at rest and gives it to the file of a save.
 *
 * Segment and pool are memory objects of ours; private memory belongs to the host
 * processes, which are our children.  What they are says the kernel (maps, pagemap), not
 * the inside: a page counts as private when it is no page of a file or shared object any
 * more.  Contents are only copied, never looked at but for being zero.
 *
 * A resume has pages in the order in which they stand in the file, and goes on when it has the
 * first of them: so stacks, data of libraries and the like of all processes come before the large
 * mappings of any.
 */
#define _GNU_SOURCE
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/host_abi.h"
#include "abi/layout.h"

#define CHUNK        0x100000UL
#define CHUNK_PAGES  (CHUNK / PAGE_SIZE)
#define LARGE_PAGES  1024UL
#define PAGE_PRESENT (1ULL << 63)
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_OF_FILE (1ULL << 61)

/* A file as /proc/PID/maps names it. */
struct map_file {
    char device[16];
    unsigned long inode; /* 0: none */
};

struct capture {
    capture_put *put;
    void *file;
    struct error *err;
    uint8_t *buffer; /* CHUNK bytes */
    uint32_t object;
    uint32_t slot_save;  /* of the slot looked at last */
    uint64_t slot;       /* where that begins */
    int memory, pagemap; /* files of /proc */
    /* What the sandbox was resumed from: mapped, it is private memory.  One device has all. */
    struct map_file own;
    uint32_t own_count;
    unsigned long own_inodes[BOOT_PAGES_MAX];
};

static int failed(struct error *err, const char *what) { return error_set(err, errno, "%s", what); }

static int put(struct capture *c, uint64_t offset, const uint8_t *data, size_t len)
{
    return c->put(c->file, c->object, offset, data, len, c->err);
}

/* ---- memory objects --------------------------------------------------------------- */

/* What is to be kept of the slot that begins at `slot`, as the library OS says. */
static uint32_t slot_save(struct capture *c, int fd, uint64_t slot)
{
    if (slot != c->slot && pread(fd, &c->slot_save, sizeof(c->slot_save),
                                 (off_t)(slot + SLOT_SAVE)) != (ssize_t)sizeof(c->slot_save))
        c->slot_save = SLOT_SAVE_ALL;
    c->slot = slot;
    return c->slot_save;
}

/* Of a thread slot: what describes the thread, and where its registers lie. */
static bool slot_page_matters(struct capture *c, int fd, uint64_t offset)
{
    uint64_t in_slot = (offset - SEG_SLOTS) % SLOT_SIZE;

    if (offset < SEG_SLOTS)
        return true;
    if (in_slot < SLOT_ALTSTACK)
        return slot_save(c, fd, offset - in_slot) != SLOT_SAVE_NOTHING;
    return in_slot >= SLOT_SIZE - PAGE_SIZE && slot_save(c, fd, offset - in_slot) == SLOT_SAVE_ALL;
}

static int put_data(struct capture *c, int fd, uint64_t offset, size_t len)
{
    ssize_t n = pread(fd, c->buffer, len, (off_t)offset);

    if (n != (ssize_t)len)
        return failed(c->err, "reading the sandbox's memory");
    if (c->object != MEMORY_SEGMENT || offset + len <= SEG_SLOTS)
        return put(c, offset, c->buffer, len);
    for (size_t at = 0; at < len; at += PAGE_SIZE)
        if (slot_page_matters(c, fd, offset + at) && put(c, offset + at, c->buffer + at, PAGE_SIZE))
            return -1;
    return 0;
}

static int put_object(struct capture *c, uint32_t object, int fd)
{
    off_t at = 0, end;

    c->object = object;
    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        for (; at < end; at += (off_t)CHUNK) {
            uint64_t len = (uint64_t)(end - at) < CHUNK ? (uint64_t)(end - at) : CHUNK;
            if (put_data(c, fd, (uint64_t)at, len))
                return -1;
        }
        at = end;
    }
    return errno == ENXIO ? 0 : failed(c->err, "looking for the sandbox's memory");
}

/* ---- private memory ------------------------------------------------------------------ */

struct mapping {
    unsigned long start, end;
    bool file, own;
};

/* Anonymous memory is zero where nothing is put; above a file zeros count. */
static int put_run(struct capture *c, const struct mapping *m, uint64_t addr, size_t len)
{
    if (pread(c->memory, c->buffer, len, (off_t)addr) != (ssize_t)len)
        return failed(c->err, "reading private memory");
    if (m->file)
        return put(c, addr, c->buffer, len);
    for (size_t at = 0, first; at < len;) {
        static const uint8_t zero[PAGE_SIZE];
        while (at < len && memcmp(c->buffer + at, zero, PAGE_SIZE) == 0)
            at += PAGE_SIZE;
        first = at;
        while (at < len && memcmp(c->buffer + at, zero, PAGE_SIZE) != 0)
            at += PAGE_SIZE;
        if (at > first && put(c, addr + first, c->buffer + first, at - first))
            return -1;
    }
    return 0;
}

static bool is_private(const struct mapping *m, uint64_t entry)
{
    return m->own || ((entry & (PAGE_PRESENT | PAGE_SWAPPED)) && !(entry & PAGE_OF_FILE));
}

static uint64_t entries[0x2000];

/* What the kernel says of pages of m from `at` on, as many as there is room for, into entries:
 * how many; or -1. */
static int64_t read_entries(struct capture *c, const struct mapping *m, uint64_t at)
{
    uint64_t pages = (m->end - at) / PAGE_SIZE;

    if (pages > sizeof(entries) / sizeof(entries[0]))
        pages = sizeof(entries) / sizeof(entries[0]);
    ssize_t got = pread(c->pagemap, entries, pages * 8, (off_t)(at / PAGE_SIZE * 8));
    return got <= 0 ? failed(c->err, "reading which memory is private") : got / 8;
}

/* Is it more than a program needs to get going? 1, 0, or -1. */
static int is_large(struct capture *c, const struct mapping *m)
{
    uint64_t found = 0;
    int64_t pages;

    for (uint64_t at = m->start; at < m->end; at += (uint64_t)pages * PAGE_SIZE) {
        if ((m->end - m->start) / PAGE_SIZE <= LARGE_PAGES)
            return 0;
        pages = read_entries(c, m, at);
        if (pages < 0)
            return -1;
        for (int64_t n = 0; n < pages; n++)
            found += is_private(m, entries[n]);
        if (found > LARGE_PAGES)
            return 1;
    }
    return 0;
}

static int put_mapping(struct capture *c, const struct mapping *m)
{
    uint64_t at = m->start;

    while (at < m->end) {
        int64_t pages = read_entries(c, m, at), n = 0;
        if (pages < 0)
            return -1;
        while (n < pages) {
            int64_t first;
            while (n < pages && !is_private(m, entries[n]))
                n++;
            for (first = n;
                 n < pages && n - first < (int64_t)CHUNK_PAGES && is_private(m, entries[n]);)
                n++;
            if (n > first &&
                put_run(c, m, at + (uint64_t)first * PAGE_SIZE, (size_t)(n - first) * PAGE_SIZE))
                return -1;
        }
        at += (uint64_t)pages * PAGE_SIZE;
    }
    return 0;
}

static bool parse(const char *line, struct mapping *m, char rights[8], struct map_file *f)
{
    return sscanf(line, "%lx-%lx %7s %*s %15s %lu", &m->start, &m->end, rights, f->device,
                  &f->inode) == 5;
}

static bool is_own(const struct capture *c, const struct map_file *f)
{
    for (uint32_t i = 0; i < c->own_count; i++)
        if (f->inode == c->own_inodes[i])
            return strcmp(f->device, c->own.device) == 0;
    return false;
}

/* A line of maps that is private memory of the program. */
static bool parse_private(const struct capture *c, const char *line, struct mapping *m)
{
    struct map_file f;
    char rights[8];

    if (!parse(line, m, rights, &f))
        return false;
    m->file = f.inode != 0;
    m->own = m->file && is_own(c, &f);
    return rights[3] == 'p' && m->end <= USER_MAX &&
           (m->end <= INSIDE_BASE || m->start >= INSIDE_END);
}

/* Learns by mapping it how the kernel names a file there: stat may say otherwise. */
static int name_file(int fd, struct map_file *f)
{
    void *at = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096 + 128], rights[8];
    bool found = false;
    struct mapping m;

    while (maps && at != MAP_FAILED && !found && fgets(line, sizeof(line), maps))
        found = parse(line, &m, rights, f) && m.start == (uintptr_t)at;
    if (maps)
        fclose(maps);
    if (at != MAP_FAILED)
        munmap(at, PAGE_SIZE);
    return found ? 0 : -1;
}

/* Only one can be a file on a disk: others are memory, of which stat says the truth. */
static int name_own(struct capture *c, const struct memory_private *m)
{
    struct stat st;

    if (m->count && name_file(m->pages[0], &c->own) < 0)
        return -1;
    c->own_inodes[0] = c->own.inode;
    for (c->own_count = m->count ? 1 : 0; c->own_count < m->count; c->own_count++) {
        if (fstat(m->pages[c->own_count], &st) < 0)
            return -1;
        c->own_inodes[c->own_count] = st.st_ino;
    }
    return 0;
}

static int open_file(const struct host_space *space, const char *name)
{
    char path[80];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", space->pid, space->tid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* What is `large`, or all else.  The first thread of the process may have ended, so another's files
 * are asked. */
static int put_space(struct capture *c, const struct host_space *space, int large)
{
    int maps_fd = open_file(space, "maps");
    FILE *maps = maps_fd < 0 ? NULL : fdopen(maps_fd, "r");
    char *line = NULL;
    size_t size = 0;
    struct mapping m;
    int rc = 0;

    c->object = MEMORY_SPACE(space->number);
    c->pagemap = open_file(space, "pagemap");
    c->memory = open_file(space, "mem");
    if (!maps || c->pagemap < 0 || c->memory < 0)
        rc = failed(c->err, "looking at a process of the sandbox");
    while (!rc && getline(&line, &size, maps) > 0) {
        int is = parse_private(c, line, &m) ? is_large(c, &m) : !large;
        if (is == large)
            rc = put_mapping(c, &m);
        else
            rc = is < 0 ? -1 : 0;
    }
    free(line);
    if (maps)
        fclose(maps);
    if (c->pagemap >= 0)
        close(c->pagemap);
    if (c->memory >= 0)
        close(c->memory);
    return rc;
}

int capture_memory(const struct memory_at_rest *m, capture_put *put, void *file, struct error *err)
{
    struct capture c = {.put = put, .file = file, .err = err, .buffer = malloc(CHUNK)};

    if (!c.buffer)
        return failed(err, "memory for reading the sandbox");
    if (name_own(&c, m->resumed) < 0) {
        free(c.buffer);
        return failed(err, "looking for what the sandbox was resumed from");
    }
    int rc = put_object(&c, MEMORY_SEGMENT, m->segment_fd);
    if (!rc)
        rc = put_object(&c, MEMORY_POOL, m->pool_fd);
    for (int large = 0; large < 2; large++)
        for (uint32_t n = 0; !rc && n < m->count; n++)
            rc = put_space(&c, &m->spaces[n], large);
    free(c.buffer);
    return rc;
}

static int copy_data(int to, int fd, uint8_t *buffer)
{
    off_t at = 0, end;

    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        while (at < end) {
            size_t len = (size_t)(end - at) < CHUNK ? (size_t)(end - at) : CHUNK;
            if (pread(fd, buffer, len, at) != (ssize_t)len ||
                pwrite(to, buffer, len, at) != (ssize_t)len)
                return -1;
            at += (off_t)len;
        }
    }
    return errno == ENXIO ? 0 : -1;
}

int capture_copy(int fd, uint64_t size)
{
    int to = memfd_create("bailey-copy", MFD_CLOEXEC);
    uint8_t *buffer = malloc(CHUNK);

    if (to >= 0 && (!buffer || ftruncate(to, (off_t)size) < 0 || copy_data(to, fd, buffer) < 0)) {
        close(to);
        to = -1;
    }
    free(buffer);
    return to;
}
