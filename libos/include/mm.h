/* Program memory.  mm/
 *
 * A `struct mm` is one address space: a tree of VMAs ordered by address, under one
 * lock.  The host holds the pages; the tree is the truth about what is mapped, and
 * host mappings follow it.  The inside range is never in the tree.
 */
#ifndef LIBOS_MM_H
#define LIBOS_MM_H

#include "list.h"
#include "lock.h"
#include "types.h"

struct file;
struct inode;
struct process;

enum vma_kind {
    VMA_ANON,  /* private zero-fill memory */
    VMA_HOST,  /* a host stream: handle + offset (private or shared) */
    VMA_POOL,  /* pages of the pool: in-memory file or shared anonymous memory */
    VMA_FIXED, /* part of the system: vDSO, vvar page */
};

struct vma {
    uptr start, end;
    u32 prot;  /* PROT_* */
    u32 flags; /* VMA_* below */
    enum vma_kind kind;
    struct file *file; /* reference, or NULL */
    u64 offset;        /* in the file, of start */
    int handle;        /* VMA_HOST: host handle, owned by the file's inode */
    u64 host_base;     /* VMA_HOST: where in the image the file begins (no handle then), */
    u64 host_end;      /* and how many bytes of the file, whole pages, it holds; ~0: ask the host */
    const char *name;  /* "[heap]", "[stack]", "[vdso]" or NULL; static text */
    /* tree */
    struct vma *left, *right, *up;
    u32 priority;
    uptr subtree_gap; /* the implementation's */
    uptr subtree_min, subtree_max;
    struct inode *inode; /* VMA_POOL: whose pages these are; kept alive by file */
    uptr filled;         /* VMA_POOL: pages from here to end lay past the end of the file
                          * when mapped; the host answers them with SIGBUS */
};
#define VMA_SHARED     1u
#define VMA_GROWSDOWN  2u
#define VMA_HIDDEN     4u /* trampolines: not shown in /proc/self/maps */
#define VMA_LOCKED     8u
#define VMA_DONTFORK   16u
#define VMA_WIPEONFORK 32u
#define VMA_DONTDUMP   64u
#define VMA_NORESERVE  128u
#define VMA_MAYWRITE   256u /* mprotect(PROT_WRITE) allowed (shared mapping of a writable file) */
#define VMA_STACK      512u
#define VMA_HUGEPAGE   1024u
#define VMA_NOHUGEPAGE 2048u
#define VMA_NOEXEC     4096u /* mprotect(PROT_EXEC) refused: file of a noexec mount */
#define VMA_ONFAULT    8192u /* mlock2(MLOCK_ONFAULT) */
/* Private; some of its pages are those of the snapshot this sandbox was resumed from, mapped
 * from there.  What gives pages back maps it anew, or they would come again. */
#define VMA_WARM 16384u

struct mm {
    u32 refs;
    struct lock lock;
    struct vma *root;
    u32 count;
    uptr mmap_base;      /* top-down search starts here */
    uptr brk_start, brk; /* heap */
    uptr stack_top;
    u64 total, locked, data, peak; /* bytes, for limits and /proc */
    void *sites;                   /* rewritten system-call sites: pal/rewrite */
    u64 loader_dev, loader_ino;    /* of the program's ELF interpreter; 0: it has none */
    s32 users;                     /* processes (vfork shares) */
    uptr vdso_base;
    u64 def_flags;
    bool fork_advice; /* some VMA carries MADV_DONTFORK or MADV_WIPEONFORK */
    s32 host_threads; /* host threads running in this address space */
    u32 space;        /* its number + 1 in snapshots, or its parent's; 0: it was in none */
    bool started;     /* a resume: a host process is being made of it */
    struct lock aio_lock;
    struct list aio; /* contexts of native asynchronous I/O: fs/aio.c */
};

/* Answer of file_ops->mmap. */
struct mapping_request {
    /* in */
    u64 offset;
    size_t len;
    u32 prot;
    bool shared;
    /* out */
    enum vma_kind kind;
    int handle; /* VMA_HOST, with the two of struct vma, preset to a file of its own */
    u64 host_base, host_end;
    /* VMA_POOL: inode whose pages are mapped: mm asks pool_extent() page by page */
    struct inode *inode;
};

/* Copies between buf, in the segment, and the memory of any process: one of its threads does
 * it if it isn't ours.  Sleeps for 2 s at most.  Bytes moved (a fault ends it short), -ESRCH
 * (it has ended), -ETIMEDOUT, -EINTR. */
long mm_remote_copy(struct process *p, uptr addr, void *buf, size_t n, bool write);
#define MM_WRITE 1u
#define MM_FORCE 2u /* whatever the protection: for debuggers */
long mm_remote_access(struct process *p, uptr addr, void *buf, size_t n, u32 how);

struct mm *mm_new(void);
/* Copies the VMAs for fork (the host copies the pages).  The caller holds old->lock until
 * the host has copied, so that tree and pages agree. */
struct mm *mm_copy(struct mm *old);
void mm_put(struct mm *mm);
/* In a host process that has nothing mapped, after a resume: maps all of it and fills in
 * private memory from boot_info.pages_handle.  0 or -errno. */
long mm_resume(struct mm *mm);
/* Waits until all memory of a resumed sandbox is there. */
void mm_settle(void);
/* Unmaps everything of the program (exec). */
void mm_clear(struct mm *mm);
/* The last user has left: forgets what was mapped, before others hear of the exit.  The host
 * unmaps it when the host process ends. */
void mm_drop_maps(struct mm *mm);

/* Maps; addr 0: anywhere (top down).  flags: MAP_* of Linux.  file may be NULL.
 * Address or -errno.  The body of mmap(2), without descriptor handling. */
long mm_map(struct mm *mm, uptr addr, size_t len, u32 prot, u32 flags, struct file *file,
            u64 offset, const char *name);
long mm_unmap(struct mm *mm, uptr addr, size_t len);
/* shmdt(2): unmaps what is left of the mapping that was made at addr of a file with these
 * operations.  0, or -EINVAL if nothing is. */
struct file_ops;
long mm_unmap_attached(struct mm *mm, uptr addr, const struct file_ops *ops);
long mm_protect(struct mm *mm, uptr addr, size_t len, u32 prot);
/* Where mmap would put so many bytes (whole pages) now: an address or -ENOMEM. */
long mm_room(struct mm *mm, size_t len);
/* Private anonymous memory within 2 GB of `near` (rip-relative reach), hidden from the
 * program; for trampolines.  Address or -errno. */
long mm_map_near(struct mm *mm, uptr near, size_t len, u32 prot);
/* Under mm->lock. */
struct vma *vma_find(struct mm *mm, uptr addr); /* containing addr, or NULL */
struct vma *vma_next(struct mm *mm, uptr addr); /* first with end > addr, or NULL */

/* A fault at addr in program code: true if the mapping allows it now (stack growth, a
 * page mapped meanwhile) and the access should be tried again. */
bool mm_fault(struct mm *mm, uptr addr, bool write, bool exec);
/* In the child of a fork, first thing in its address space: carries out MADV_DONTFORK and
 * MADV_WIPEONFORK on the copied memory. */
void mm_fork_child(struct mm *mm);

/* Page pool: contiguous, sparse ranges of POOL_BASE.. ; mm/pool.c.
 * Offsets are from POOL_BASE; pages are zero until written. */
long pool_alloc(size_t len, u64 *offset);
void pool_free(u64 offset, size_t len);
/* Counts pages that came to hold data (or no longer do); -ENOMEM at the memory limit. */
long pool_charge(u64 pages);
bool pool_has(u64 pages); /* could so many more be charged? */
void pool_uncharge(u64 pages);
static inline void *pool_ptr(u64 offset) { return (void *)(POOL_BASE + offset); }
u64 pool_used(void); /* bytes charged */

/* Memory of an in-memory file: extents of the pool by file page.  mm/filemem.c.
 * Embedded in tmpfs inodes, memfds, shared anonymous memory and SysV segments. */
struct filemem_quota { /* shared by the files of one file system */
    u64 used, max;     /* pages; max 0: no limit */
};
struct filemem {
    struct rwlock lock; /* readers share it over copies */
    void *extents;      /* the implementation's sorted array */
    u32 count, cap;
    u64 pages;        /* pages that hold data, for st_blocks */
    bool mapped;      /* a program may still see its pages: never give them to another file */
    u64 mapped_pages; /* of them, those that got there by mapping: not in the quota */
    struct filemem_quota *quota; /* NULL: only the sandbox's memory limit */
};
void filemem_init(struct filemem *fm);
void filemem_free(struct filemem *fm);
/* Copies at a file offset; holes read as zeros and are filled on writing.  Bytes moved
 * (short on a fault) or -ENOSPC / -ENOMEM. */
struct uio;
long filemem_read(struct filemem *fm, struct uio *u, u64 off, size_t n);
long filemem_write(struct filemem *fm, struct uio *u, u64 off, size_t n);
/* Hands the bytes at a file offset to give(), in place: what that says of the first run of at
 * most n, or 0 where there is a hole.  It must not sleep. */
long filemem_give(struct filemem *fm, u64 off, size_t n,
                  long (*give)(void *arg, const void *mem, size_t n), void *arg);
void filemem_truncate(struct filemem *fm, u64 size); /* drops pages past it, zeroes the tail */
void filemem_punch(struct filemem *fm, u64 off, u64 len);
long filemem_allocate(struct filemem *fm, u64 off, u64 len);
/* Next data/hole at or after off below size; size if none (data: -ENXIO). */
s64 filemem_seek(struct filemem *fm, u64 off, u64 size, bool data);
/* The pool offset of the longest contiguous run that backs file pages from `off`, at most
 * len bytes, allocating where there is a hole; its length in *run. */
long filemem_extent(struct filemem *fm, u64 off, size_t len, u64 *pool_off, size_t *run);
/* The file has become smaller: its mappings in the caller's address space end there, too. */
void mm_file_shrunk(struct filemem *fm);
/* The filemem behind an inode mapped as VMA_POOL, or NULL. */
struct filemem *inode_filemem(struct inode *i);

#endif
