/* What the monitor tells the library OS before the first instruction.
 *
 * Written by the monitor at SEG_BASE + SEG_BOOT while it builds the segment; read
 * by the library OS.  Strings live in the same 1 MB area and are named by their
 * offset from SEG_BASE; 0 means "none".  Lists are sequences of NUL-terminated
 * strings with an explicit count.
 */
#ifndef BAILEY_ABI_BOOT_H
#define BAILEY_ABI_BOOT_H

#include <stdint.h>

#include "host_abi.h"

#define BOOT_MAGIC   0x746f6f6279656c42ULL /* "Bleyboot" */
#define BOOT_VERSION 1
#define BOOT_SIZE    0x100000UL

struct boot_strings {
    uint32_t offset; /* from SEG_BASE, of the first string */
    uint32_t count;
};

#define BOOT_MOUNTS_MAX 64u
/* One mount of the guest: export `index` of the monitor shown at `guest`. */
struct boot_mount {
    uint32_t guest;        /* offset of the guest path */
    uint32_t source;       /* offset of the text shown in /proc/mounts */
    uint32_t index;        /* export number in stream URIs: dir:INDEX/path */
    uint32_t flags;        /* BOOT_MOUNT_* */
    struct host_attr attr; /* of a directory's root; mode 0: ask */
};
/* What the monitor leaves for a program of job.h's kind, or with number 0 for program 1. */
struct boot_job {
    uint64_t signals; /* as mailbox_signals */
    uint32_t window;  /* new size of its terminal: rows << 16 | columns; 0: none */
    uint32_t reserved;
};
#define BOOT_JOBS           32u

#define BOOT_MOUNT_READONLY 1u
#define BOOT_MOUNT_ROOT     2u  /* the lower layer of / */
#define BOOT_MOUNT_FILE     4u  /* the export is one file, not a directory */
#define BOOT_MOUNT_CACHE    8u  /* attributes and negative look-ups may be kept for good */
#define BOOT_MOUNT_OVERLAY  16u /* changes stay in memory, as on the root */
#define BOOT_MOUNT_DEVICE   32u /* holds data of the root's image (erofs.h), in order */

/* Standard streams and other descriptors given at start. */
struct boot_stream {
    int32_t handle; /* host descriptor number, -1: closed */
    uint32_t type;  /* enum host_type of abi/host_abi.h */
    uint32_t flags; /* Linux open flags (O_RDONLY, O_APPEND, O_NONBLOCK ...) */
    uint32_t reserved;
    uint64_t ino, dev, rdev; /* as the host's fstat */
    uint32_t mode, reserved2;
};

/* The host's vDSO. */
struct boot_vdso {
    uint64_t base_old; /* where the host mapped vvar+vDSO in the fresh process */
    uint64_t size;     /* bytes of vvar + vDSO together */
    uint64_t vdso_off; /* start of the vDSO proper from HOSTVDSO_BASE */
    /* Its functions, from HOSTVDSO_BASE, as the PAL finds them; 0: absent. */
    uint64_t clock_gettime, getcpu;
};

/* A published port: "publish:N" where N is its place in the list. */
#define BOOT_PORTS_MAX 64
struct boot_port {
    uint16_t port;    /* inside */
    uint8_t datagram; /* UDP */
    uint8_t family6;  /* of IPv6 alone */
};

/* One answer of CPUID, for programs that are shown less than the CPU has. */
struct boot_cpu_leaf {
    uint32_t leaf, subleaf;
    uint32_t eax, ebx, ecx, edx;
};

/* A file of an export, by its URI, "dir:N/path"; then as host_open(uri, O_RDONLY) answers. */
#define BOOT_OPENED_MAX 128
struct boot_opened {
    char uri[124];
    int32_t handle; /* the monitor's answer; -1: it gave none, ask */
    struct host_attr attr;
};

/* The list of them is at the end of the 1 MB: what every sandbox has is on as few pages as can be,
 * and a copy has all of those. */
#define BOOT_OPENED (BOOT_SIZE - BOOT_OPENED_MAX * sizeof(struct boot_opened))

struct boot_info {
    uint64_t magic;
    uint32_t version;
    uint32_t flags; /* BOOT_* */
    uint64_t size;  /* bytes used of the 1 MB */

    struct boot_strings argv, envp;
    uint32_t cwd, hostname, exe; /* exe: guest path or bare name to search in PATH */
    uint32_t uid, gid, umask;
    uint32_t cpuinfo;    /* 0: open "host:cpuinfo" when somebody reads it */
    uint32_t cpu_online; /* "0-1" */
    uint32_t kernel_release, kernel_version;
    uint32_t ncpu;
    uint32_t nmounts; /* at most BOOT_MOUNTS_MAX */
    struct boot_stream stdio[3];
    int32_t trace_handle; /* --trace: where lines go; -1: off */
    int32_t poll_handle;  /* host epoll descriptor of the sandbox */
    int32_t kick_handle;  /* host eventfd registered in it, cookie ~0: look at the mailbox */
    uint32_t pids_max;
    uint64_t memory_limit;     /* bytes; 0: none */
    uint64_t memory_total;     /* bytes of the host, for /proc/meminfo */
    uint64_t host_boottime_ns; /* CLOCK_BOOTTIME at start */
    uint64_t rlimits[16][2];   /* soft, hard; ~0: infinity */
    uint64_t seed[8];
    uint8_t boot_id[16];
    uint64_t xsave_size; /* bytes of the XSAVE area in standard form (CPUID 0xd) */
    uint64_t xcr0;
    uint64_t hwcap, hwcap2, minsigstksz, clktck;
    struct boot_vdso vdso;

    /* From the monitor to the inside while running: signals for program 1 as a bit
     * set (bit n-1), and a request to freeze.  The monitor sets bits atomically and
     * then interrupts a thread; the library OS takes them with an exchange. */
    uint64_t mailbox_signals;
    uint32_t freeze;          /* 0 run, BOOT_FREEZE */
    uint32_t winsize_changed; /* or another terminal, at a resume */

    /* A second host epoll, empty, used with a zero timeout only: "is this ready now?" */
    int32_t probe_handle;
    int32_t seg_handle, pool_handle; /* descriptors of the two memory objects */
    int32_t host_pid;                /* of the first host process, as the monitor names it */

    /* Added by both vDSOs' users to the host's clocks: 0 until a resume. */
    int64_t mono_offset, boot_offset;

    /* Whose host user runs the monitor: files of theirs appear inside as uid and gid above. */
    uint32_t host_uid, host_gid;

    int32_t diff_handle;  /* meaningful with BOOT_DIFF */
    int32_t pages_handle; /* BOOT_RESUME: private memory, see struct boot_space; the first of */
    int32_t runs_handle;  /* pages_count; and where what of it belongs */

    uint32_t net_flags;   /* BOOT_NET_* */
    uint32_t net_address; /* this sandbox's on its named network (IPv4), or 0 */
    uint32_t nports;
    struct boot_port ports[BOOT_PORTS_MAX];

    /* The mailbox of jobs: a bit each where there is something in `jobs`, or a new one. */
    uint64_t job_mail, job_new;
    struct boot_job jobs[BOOT_JOBS];

    /* CPUID faults, and these are the answers: offset of an array; count 0: it does not. */
    uint32_t cpu_leaves, cpu_leaf_count;

    /* BOOT_RESUME: the streams of pages may grow while the sandbox runs already; what lies beyond
     * the end of one (SIGBUS) is not there yet.  progress changes when one has grown, and is woken.
     */
    uint32_t pages_state, pages_progress; /* enum boot_pages */

    /* A save from copies of address spaces has ended: 0, or -errno; set before the flag. */
    int32_t save_result;
    uint32_t save_done;

    /* BOOT_RESUME: the host name from now on; "": as it was. */
    char new_hostname[72];

    /* BOOT_RESUME: while pages are coming, one that somebody waits for: BOOT_WISH, or 0. */
    uint64_t pages_wish;
    uint32_t pages_count; /* streams of pages, at most BOOT_PAGES_MAX */

    uint32_t opened_count; /* of boot_opened() */

    struct boot_mount mounts[]; /* strings follow */
};

/* BOOT_RESUME: what was open for reading when it was saved, as the library OS listed it then: the
 * monitor opens it before anybody inside could ask. */
static inline struct boot_opened *boot_opened(struct boot_info *b)
{
    return (struct boot_opened *)((uint8_t *)b + BOOT_OPENED);
}
#define BOOT_WISH(space, addr) ((uint64_t)(space) << 48 | ((addr) & ~0xfffULL) | 1)
#define BOOT_WISH_SPACE(wish)  ((uint32_t)((wish) >> 48))
#define BOOT_WISH_ADDR(wish)   ((wish)&0xfffffffff000ULL)

enum boot_pages {
    BOOT_PAGES_THERE,
    BOOT_PAGES_COMING,
    BOOT_PAGES_CAME, /* all of them are there now */
};

/* Private memory of a resumed sandbox: in the stream runs_handle one struct boot_space for each
 * address space, by number, and from its `runs` on struct boot_run in order of address.  Their
 * pages are in the streams from pages_handle on, which others may be mapping as well: they are
 * never written to. */
#define BOOT_PAGES_MAX 128
struct boot_space {
    uint64_t runs, count; /* offset; number of runs */
};
struct boot_run {
    uint64_t addr, len; /* bytes, whole pages */
    uint64_t at;        /* where in its stream of pages; BOOT_RUN_ZERO: zeros */
    uint64_t stream;    /* which one: from 0 to pages_count */
};
#define BOOT_RUN_ZERO     (~0ULL)
#define BOOT_FREEZE       1u
#define BOOT_FREEZE_KEEP  2u /* and then go on: copies of address spaces are of use */
#define BOOT_FREEZE_CARRY 4u /* with the base files that are in use */
#define BOOT_NET_OUT      1u /* some connections to the outside are allowed */
#define BOOT_NET_RESOLVER 2u /* HOST_RESOLVER answers */
#define BOOT_NET_NAMED    4u /* this sandbox is on a named network */
#define BOOT_TTY_STDIN    1u /* descriptor 0 is a terminal */
#define BOOT_READ_ONLY    2u /* --read-only: root refuses writes */
#define BOOT_TRACE        4u
#define BOOT_DIFF         8u  /* write what changed in memory to diff_handle at the end */
#define BOOT_NO_REWRITE   16u /* every system call takes the trap (tests, measuring) */
#define BOOT_STATS        32u
#define BOOT_DIFF_LIST    64u   /* with BOOT_DIFF: lines, not a tar archive */
#define BOOT_RESUME       128u  /* the segment is that of a saved sandbox */
#define BOOT_SAVE_EXIT    512u  /* --save-on exit */
#define BOOT_HOLD         1024u /* resumed at such an exit, program 1 waits there */
#define BOOT_TELL_STARTED 256u  /* HOST_REPORT_STARTED is wanted */

#endif
