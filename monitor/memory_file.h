/* The file of a save, as the monitor sees it: numbered memory objects and notes.
 *
 * The command line has the format and gives the monitor these functions; they copy what
 * they are given and judge none of it.
 */
#ifndef BAILEY_MONITOR_MEMORY_FILE_H
#define BAILEY_MONITOR_MEMORY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../abi/boot.h"
#include "error.h"

#define MEMORY_SEGMENT  1u
#define MEMORY_POOL     2u
#define MEMORY_SPACE(n) (0x10000000u + (uint32_t)(n)) /* private memory of space n */

/* Seals of an object that is filled and that nobody changes any more.  F_SEAL_WRITE would refuse no
 * more where nobody has mapped it to write, but wait for whoever holds one of its pages, and after
 * a while say EBUSY: a kernel that moves pages about (compaction, reclaim) holds some. */
#define MEMORY_CLOSED (F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Private memory of a sandbox that is resumed, as abi/boot.h has it: descriptors that stay the
 * source's.  Others may map the pages as well. */
struct memory_private {
    int runs, pages[BOOT_PAGES_MAX];
    uint32_t count; /* of pages; 0: it was not resumed */
    /* A child that goes on writing pages and tells of it in boot_info, or 0; if it ends badly, why.
     */
    int writer;
    const char *failure;
};

/* A sandbox, or copies of it, that nobody changes meanwhile. */
struct memory_at_rest {
    int segment_fd, pool_fd;
    const struct memory_private *resumed; /* what it was resumed from */
    const struct host_space *spaces;      /* their processes are ours */
    uint32_t count;
};

/* Functions return 0, or -1 with *err filled. */
struct memory_sink {
    void *context;
    /* Begins a file on a descriptor, or, where that is -1, the one --save-to names.  image:
     * what the inside image is known by; options: a descriptor that came with the wish, or -1.
     * NULL: *err. */
    void *(*open)(void *context, int fd, int options, const uint8_t image[32], struct error *err);
    int (*note)(void *file, const char *key, const void *bytes, size_t len, struct error *err);
    /* All memory there is.  From any thread; so are those that end it. */
    int (*capture)(void *file, const struct memory_at_rest *memory, struct error *err);
    /* A memory object with the contents that `fd` has now, or -1. */
    int (*copy)(int fd, uint64_t size);
    /* Either ends it. */
    int (*finish)(void *file, struct error *err);
    void (*abandon)(void *file);
};

struct memory_source { /* what it gives was checked: it is what was written */
    void *context;
    uint8_t image[32];
    const void *(*note)(void *context, const char *key, size_t *len); /* NULL: there is none */
    /* Writes the pages of an object to a memory object of `size` bytes. */
    int (*fill)(void *context, uint32_t object, int fd, uint64_t size, struct error *err);
    /* What it tells the inside of them goes to boot, which is shared memory. */
    int (*private_memory)(void *context, struct memory_private *memory, struct boot_info *boot,
                          struct error *err);
    /* What that would give, where it is there already: then the start need not wait for the
     * rest, or NULL. */
    const struct memory_private *ready;
    /* Where `ready`: the objects of segment and pool, made and being filled by the process that
     * split this one off, which `fill` then waits for; or -1. */
    int segment_fd, pool_fd;
};

/* The objects of a sandbox's segment and pool, empty: 0, or -1 with errno. */
int memory_objects_make(int *segment_fd, int *pool_fd);

#endif
