/* The host ABI: everything the library OS may ask of the host.
 *
 * Conventions, stated once:
 *  - results: >= 0 is success, < 0 is a negated Linux errno.  Calls documented as
 *    "cannot fail" end the sandbox if the host refuses them.
 *  - addresses and lengths of memory calls are multiples of PAGE_SIZE.
 *  - times are nanoseconds; deadlines are absolute on HOST_CLOCK_MONOTONIC, and
 *    HOST_FOREVER means none.
 *  - a handle is a host descriptor number, the same in every host process of the
 *    sandbox.  Handles below HOST_HANDLE_MIN belong to the PAL and are refused.
 *  - a URI is "dir:N/path": export N of the monitor, path relative to it with no
 *    "." or ".." or empty component and no symbolic link on the way (the library OS
 *    resolves those itself).  "dir:N/" is the export itself.
 *  - buffers given to control calls may lie anywhere in the segment or on the
 *    library-OS stack; the PAL copies them through the slot's message buffer.
 *
 * Implementations: pal/ (Linux host) and pal/hosted/ (ordinary process, for tests).
 */
#ifndef BAILEY_ABI_HOST_ABI_H
#define BAILEY_ABI_HOST_ABI_H

#include <stddef.h>
#include <stdint.h>

#define HOST_FOREVER    (~0ULL)
#define HOST_HANDLE_MIN 0
#define HOST_MONITOR_NR 1000 /* "system call" number that reaches the monitor */

struct thread;

/* ---- memory ------------------------------------------------------------- */

#define HOST_PROT_READ     1
#define HOST_PROT_WRITE    2
#define HOST_PROT_EXEC     4

#define HOST_MAP_PRIVATE   1 /* copy-on-write; of a stream, or anonymous if handle < 0 */
#define HOST_MAP_SHARED    2 /* of a stream or HOST_POOL */
#define HOST_MAP_POPULATE  4 /* fault everything in now */
#define HOST_MAP_NORESERVE 8
#define HOST_POOL          (-2) /* handle of the page pool; offset is relative to POOL_BASE */

/* Maps at exactly `addr`, replacing what is there.  mmap(2).
 * Errors: ENOMEM, EACCES (stream not open for it), ENODEV, EPERM. */
long host_map(uintptr_t addr, size_t len, int prot, int flags, int handle, uint64_t offset);
long host_unmap(uintptr_t addr, size_t len);
long host_protect(uintptr_t addr, size_t len, int prot);

#define HOST_DISCARD_ZERO           4 /* = MADV_DONTNEED: private pages are dropped */
#define HOST_DISCARD_FREE           8 /* = MADV_FREE */
#define HOST_DISCARD_HOLE           9 /* = MADV_REMOVE: hole in the pool behind addr */
#define HOST_DISCARD_POPULATE_READ  22
#define HOST_DISCARD_POPULATE_WRITE 23
#define HOST_ADVISE_HUGEPAGE        14
#define HOST_ADVISE_NOHUGEPAGE      15
#define HOST_ADVISE_WILLNEED        3
long host_discard(uintptr_t addr, size_t len, int how);

/* Moves [old, old+old_len) to new_addr (replacing what is there) with new length;
 * old == new_addr resizes in place.  mremap(2).  keep != 0: MREMAP_DONTUNMAP. */
long host_move(uintptr_t old_addr, size_t old_len, size_t new_len, uintptr_t new_addr, int keep);

/* ---- threads and address spaces ----------------------------------------- */

/* Starts a host thread on t's slot in the calling address space.  It enters the
 * library OS at upcall_thread_start(t).  t->host_tid is set before the call returns
 * and becomes 0, with a wake, when the host thread is gone and its slot is free. */
long host_thread_create(struct thread *t);
/* Ends the calling host thread.  Does not return. */
_Noreturn void host_thread_exit(void);
/* Makes t, which runs program code, enter the library OS soon; harmless when t is
 * inside already.  The caller has set t->attention first. */
long host_thread_interrupt(struct thread *t);
/* Copies this address space (private memory copy-on-write) and starts t in the copy.
 * Returns in the parent only, after the child exists: the host pid of the copy. */
long host_space_fork(struct thread *t);
/* Makes an address space with nothing but the inside, starts t in it; the host pid. */
long host_space_blank(struct thread *t);
/* Ends the calling address space and every host thread in it. */
_Noreturn void host_space_exit(void);

/* ---- waiting ------------------------------------------------------------ */

/* Sleeps while *word == value.  0: woken or changed; -ETIMEDOUT; -EINTR: an
 * interrupt arrived (spurious returns are allowed). */
long host_wait(uint32_t *word, uint32_t value, uint64_t deadline);
/* Wakes up to n sleepers; returns how many.  Cannot fail. */
long host_wake(uint32_t *word, int n);

/* ---- streams ------------------------------------------------------------ */

enum host_type { /* = S_IFMT >> 12 of what it is */
                 HOST_FIFO = 1,
                 HOST_CHAR = 2,
                 HOST_DIR = 4,
                 HOST_BLOCK = 6,
                 HOST_FILE = 8,
                 HOST_LINK = 10,
                 HOST_SOCKET = 12,
                 HOST_TTY = 14, /* a character device that is a terminal */
};

/* Attributes of a stream, as statx(2) reports them.  Times are ns since 1970. */
struct host_attr {
    uint64_t ino, dev, rdev, size, blocks;
    int64_t atime, mtime, ctime, btime;
    uint32_t mode, nlink, uid, gid, blksize;
    uint32_t reserved;
};

struct host_iovec { /* = struct iovec */
    void *base;
    size_t len;
};

/* Opens a URI.  flags and mode as open(2) (O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY,
 * O_TMPFILE and the access mode; others are ignored); attr, if not NULL, receives
 * the attributes of what was opened.  Returns a handle.
 * Errors: those of openat2(2); EROFS on a read-only export; ENOENT for what the
 * policy hides. */
long host_open(const char *uri, int flags, unsigned mode, struct host_attr *attr);
/* Closes a handle.  Writable handles tell the monitor too. */
long host_close(int handle);

#define HOST_AT_POSITION (~0ULL) /* offset: use and advance the host's position */
#define HOST_NOWAIT      8       /* = RWF_NOWAIT: -EAGAIN instead of sleeping */
#define HOST_APPEND      16      /* = RWF_APPEND */
/* Vectored read/write: preadv2(2), pwritev2(2).  Buffers may be program memory: then
 * -EFAULT is possible and exact.  May sleep unless HOST_NOWAIT; -EINTR possible. */
long host_read(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags);
long host_write(int handle, const struct host_iovec *iov, int n, uint64_t offset, int flags);

/* Sockets: msg is a struct msghdr, flags MSG_*. */
long host_send(int handle, const void *msg, int flags);
long host_receive(int handle, void *msg, int flags);
long host_accept(int handle, void *addr, uint32_t *addrlen, int flags);

/* Operations on an open stream that are neither reading nor writing. */
enum host_control_op {
    HOST_SYNC = 1,   /* fsync; a = 1: data only */
    HOST_TRUNCATE,   /* a = size */
    HOST_ALLOCATE,   /* a = mode, b = offset, c = length: fallocate(2) */
    HOST_CLOSE,      /* the monitor forgets its copy (sent by host_close) */
    HOST_TTY_GET,    /* buf: struct termios2 and winsize (struct host_tty) */
    HOST_TTY_SET,    /* a = 0 now, 1 drain, 2 flush; buf: struct host_tty */
    HOST_SHUTDOWN,   /* a = how */
    HOST_STATFS,     /* buf: struct statfs of a stream's file system; handle -1: of export a */
    HOST_PIPE_BYTES, /* FIONREAD */
    HOST_SEEK,       /* a = offset, b = SEEK_SET, _CUR, _END, _DATA, _HOLE; the new position */
    HOST_LENT,       /* a = enum host_socket_op, on the socket lent last (docs/networking.md) */
};

/* The monitor keeps nothing of connections.  Who wants one of these lends it the socket: a
 * message with its handle (SCM_RIGHTS) on the stream "sockets:", then HOST_LENT. */
enum host_socket_op {
    HOST_SOCKET_SHUTDOWN, /* b = how */
    HOST_SOCKET_SET,      /* b = level << 32 | option, c = value */
    HOST_SOCKET_INFO,     /* buf: struct tcp_info; the result is its length */
    HOST_SOCKET_NAME,     /* buf: struct host_address of this end */
};

/* IPv4 addresses are mapped: ::ffff:a.b.c.d.  The port is in host order. */
struct host_address {
    uint8_t ip[16];
    uint16_t port, own; /* own: see below */
};
/* What every message of a "udp:" or published UDP stream begins with: who sent it, or
 * whom it is for.  error != 0, no data: an earlier one to that address was answered so.
 * address.own of one going out: the port at which others on the named network reach this socket,
 * or 0; where address.port is 0 it says only that.  Of one that came in: the port it is for, or 0
 * if that goes without saying. */
struct host_datagram {
    struct host_address address;
    int32_t error;
};
/* "named:PORT" streams: a message, with the connection as SCM_RIGHTS, for each one. */
struct host_visitor {
    struct host_address address;
};

/* The machine the sandbox runs on, as the sandbox sees it (its own 127.0.0.1 and ::1 are
 * others): 192.0.0.8, the dummy address of RFC 7600, and 100::8, of the discard prefix. */
#define HOST_LOOPBACK_4 0xc0000008u
#define HOST_LOOPBACK_6 0x0100000000000000ull, 8 /* high and low half */
/* What a sandbox that is on no named network calls itself. */
#define HOST_OWN_4 0xc0000002u
/* The resolver: datagrams to it are looked at by the monitor. */
#define HOST_RESOLVER 0x7f000035u /* 127.0.0.53 */
/* Members of a named network have addresses in 198.18.0.0/15. */
#define HOST_NAMED      0xc6120000u
#define HOST_NAMED_MASK 0xfffe0000u
struct host_tty {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
    uint32_t ispeed, ospeed;
    uint16_t rows, cols, xpixel, ypixel;
};
long host_control(int handle, int op, uint64_t a, uint64_t b, uint64_t c, void *buf, size_t len);

/* Readiness: one host epoll per sandbox, boot_info.poll_handle.  events as EPOLL*,
 * cookie comes back in struct host_event.  op: EPOLL_CTL_ADD/MOD/DEL. */
struct host_event { /* = struct epoll_event */
    uint32_t events;
    uint64_t cookie;
} __attribute__((packed));
long host_watch(int poll_handle, int op, int handle, uint32_t events, uint64_t cookie);
long host_wait_ready(int poll_handle, struct host_event *ev, int n, uint64_t deadline);

/* By name: uri given and handle -1; by handle: uri NULL. */
long host_attributes_get(const char *uri, int handle, struct host_attr *attr);
#define HOST_SET_MODE  1
#define HOST_SET_UID   2
#define HOST_SET_GID   4
#define HOST_SET_SIZE  8
#define HOST_SET_ATIME 16
#define HOST_SET_MTIME 32
long host_attributes_set(const char *uri, int handle, unsigned mask, const struct host_attr *attr);

/* Directory entries of a URI from position *cookie (0: start) into buf as
 * struct host_dirent records, without "." and ".."; returns bytes, 0 at the end.
 * A record longer than its name needs goes on, at the next multiple of 8, with the
 * entry's struct host_attr and, for a symbolic link, its text: look-ups in exports that
 * nobody changes need not ask again.  Short directories come with them; starting with
 * *cookie = HOST_LIST_ATTRIBUTES asks for them whatever the length. */
#define HOST_LIST_ATTRIBUTES (1ULL << 63)
#define HOST_LIST_END        (~0ULL) /* *cookie when the last entries have been given */
struct host_dirent {
    uint64_t ino;
    uint16_t reclen; /* multiple of 8 */
    uint8_t type;    /* enum host_type, 0: unknown */
    char name[];     /* NUL-terminated */
};
long host_list(const char *uri, uint64_t *cookie, void *buf, size_t len);

enum host_make_kind {
    HOST_MAKE_DIR,
    HOST_MAKE_SYMLINK,
    HOST_MAKE_LINK,
    HOST_MAKE_FIFO,
    HOST_MAKE_SOCKET
};
/* target: link text, or the existing URI for HOST_MAKE_LINK. */
long host_make(const char *uri, int kind, unsigned mode, const char *target);
long host_rename(const char *from, const char *to, unsigned flags);
/* dir != 0: rmdir. */
long host_remove(const char *uri, int dir);
/* Several names at once, a form of attributes_get: the components of a URI from its byte
 * `known` on, each below the one before, until one is no directory.  A symbolic link among them
 * is replaced by its text, if that is a plain path of the same export, and its components come
 * next.  Into buf goes a struct host_step for each, at multiples of 8, until the next does not
 * fit.  Returns how many; *absent is set if the one after them does not exist.
 * With `opened`, a link at the end is followed as well, and *opened is a handle for reading of
 * the last component, if that is a regular file that could be opened, or -1.
 * Errors: as host_attributes_get, of the first. */
struct host_step {
    struct host_attr attr;
    uint32_t size; /* of this record */
    uint32_t reserved;
    char link[]; /* of a symbolic link: its text, NUL-terminated */
};
long host_walk(const char *uri, size_t known, void *buf, size_t size, int *absent, int *opened);
/* Text of a symbolic link is read with host_readlink, a form of attributes_get. */
long host_readlink(const char *uri, char *buf, size_t len);

/* ---- time, randomness, sandbox ------------------------------------------ */

#define HOST_CLOCK_REALTIME         0
#define HOST_CLOCK_MONOTONIC        1
#define HOST_CLOCK_MONOTONIC_RAW    4
#define HOST_CLOCK_REALTIME_COARSE  5
#define HOST_CLOCK_MONOTONIC_COARSE 6
#define HOST_CLOCK_BOOTTIME         7
/* Nanoseconds of a host clock.  Cannot fail. */
uint64_t host_time(int clock);
/* What the calling host thread, or all threads of its host process (those that ended too),
 * have used; getrusage(2).  Cannot fail.  Of others: HOST_REPORT_CPUTIME. */
#define HOST_USAGE_SPACE  0
#define HOST_USAGE_THREAD 1
struct host_usage { /* = struct rusage */
    int64_t user_s, user_us, system_s, system_us;
    int64_t peak_kib; /* the most memory there was at a time */
    int64_t unused1[3], minor_faults, major_faults, unused2[6];
    int64_t waits, preempted; /* context switches: voluntary, others */
};
void host_usage(int who, struct host_usage *usage);
/* Fills buf (at most 256 bytes) with fresh randomness.  Cannot fail. */
void host_random(void *buf, size_t len);

enum host_report_kind {
    HOST_REPORT_EXIT = 1, /* a = wait status of program 1: the sandbox ends */
    HOST_REPORT_LOG,      /* text: a line for --debug */
    HOST_REPORT_PANIC,    /* text: the library OS found itself broken; the sandbox ends */
    HOST_REPORT_OOM,      /* text: killed for memory */
    HOST_REPORT_EXEC,     /* program 1 cannot be run: a = errno, text = its name; the sandbox ends
                           * with 127 (ENOENT, ENOTDIR) or 126, and one clear line.  b = 1: not the
                           * program's fault (a volume, the working directory): 125 */
    HOST_REPORT_CPUTIME,  /* returns CPU ns: a = host tid, or -(host pid) for all its threads (those
                           * that have ended too), or 0 for all spaces; b = 0 both, 1 user, 2 system;
                           * 3: user << 32 | system, in 1/100 s */
    HOST_REPORT_MEMORY,   /* returns pages of host process a in memory: private << 32 | of files;
                           * b = 1: the most there were at a time */
    HOST_REPORT_STARTED,  /* program 1 runs: with BOOT_TELL_STARTED */
    HOST_REPORT_SAVE,     /* a save to the file of --save-to is wanted: it will come.  -EPERM: the
                           * user named none; -EBUSY: another is under way */
    HOST_REPORT_JOB,      /* a = number << 32 | enum host_job, b = its value */
    HOST_REPORT_STATS,    /* text: counters, printed with --stats */
};
enum host_job {
    HOST_JOB_STARTED = 1, /* its process number */
    HOST_JOB_FAILED,      /* errno: nothing runs */
    HOST_JOB_ENDED,       /* its wait status */
};
long host_report(int kind, uint64_t a, uint64_t b, const char *text);
struct host_space { /* an address space, by a host thread that lives in it */
    int32_t pid, tid;
    uint32_t number, reserved; /* in the snapshot: the same for as long as it lives */
};
#define HOST_SPACES_MAX 65536u /* numbers are smaller */
/* Everything has come to rest: spaces is an array (in the segment) of the `count` address
 * spaces to save.  error != 0: it hasn't, for this reason.  HOST_FREEZE_COPIES: they are copies,
 * made for the save and left alone by everybody until boot_info.save_done.  Returns in the
 * original only, when it may go on: 0, or why nothing was saved (or, with copies, begun).  summary
 * writes text about what is saved, for people (pairs as snapshot/ has them), into the message. */
#define HOST_FREEZE_COPIES 0x1000
long host_freeze_ready(const struct host_space *spaces, uint32_t count, int error,
                       size_t (*summary)(char *buffer, size_t size));

/* ---- upcalls (implemented by the library OS) ----------------------------- */

struct boot_info;
/* First thread of the sandbox, on its own slot.  Does not return. */
_Noreturn void upcall_start(struct boot_info *boot);
/* A thread made by host_thread_create / host_space_*.  Does not return. */
_Noreturn void upcall_thread_start(struct thread *t);
/* A trap, fault or interrupt taken in program code; t->regs holds the full register
 * state, vector registers are still live in the CPU.  vector: 0 = system call,
 * 1 = interrupt (look at t->attention), else host signal number (SIGSEGV ...) with
 * t->fault filled.  Does not return: ends in the PAL's exit path. */
_Noreturn void upcall_exception(struct thread *t, int vector);

#endif
