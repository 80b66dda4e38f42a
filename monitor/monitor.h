/* The security monitor, as the command line uses it: one call runs one sandbox.
 *
 * The calling process becomes the monitor: it starts the picoprocess, serves its
 * control calls, passes signals on and reaps everything before it returns.  The caller
 * is single-threaded, and what it gives up for the time after (monitor/lockdown.h) stays given
 * up when monitor_run returns: it reports, cleans up and ends.  Strings and arrays of the
 * configuration must stay valid until monitor_run returns; they are not changed.
 */
#ifndef BAILEY_MONITOR_H
#define BAILEY_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "error.h"

#define MONITOR_EXIT_TIMEOUT   124 /* --timeout ran out */
#define MONITOR_EXIT_FAILURE   125 /* Bailey itself could not do its work */
#define MONITOR_EXIT_NOT_EXEC  126 /* the program exists and cannot be executed */
#define MONITOR_EXIT_NOT_FOUND 127 /* no such program */
#define MONITOR_EXIT_KILLED    137 /* a limit was reached that ends the sandbox */

#define MONITOR_VOLUMES_MAX    62

struct memory_sink;
struct memory_source;

/* A volume: host directory or single file shown at an absolute guest path. */
struct sandbox_volume {
    const char *host;  /* host path, resolved (symbolic links followed) at start */
    const char *guest; /* absolute guest path */
    bool read_only;
    bool cache; /* nobody else changes it meanwhile: look-ups may be kept for good */
};

enum sandbox_root {
    SANDBOX_ROOT_HOST,  /* system directories of the host and the working directory, read-only */
    SANDBOX_ROOT_DIR,   /* everything below root_dir, read-only base */
    SANDBOX_ROOT_IMAGE, /* what is in the image file root_image */
};

struct boot_cpu_leaf;
struct boot_port;

struct sandbox_config {
    const char *const *argv; /* program and arguments, NULL-terminated, argv[0] is searched
                                in the guest's PATH by the library OS */
    const char *const *envp; /* NULL-terminated */
    const char *workdir;     /* absolute guest path; NULL: host cwd if visible, else "/" */
    const char *hostname;    /* NULL: "bailey" */
    const char *name;        /* --name, or NULL */
    uint32_t uid, gid, umask;

    enum sandbox_root root_mode;
    const char *root_dir;      /* SANDBOX_ROOT_DIR */
    const char *root_image;    /* SANDBOX_ROOT_IMAGE: an EROFS file, read inside, */
    const char *root_digest;   /* and its SHA-256, by which a resume looks for it */
    char *const *root_devices; /* files of a layered image's devices, NULL-terminated, or NULL */
    const struct sandbox_volume *volumes;
    size_t volume_count;
    uint64_t memory_limit; /* bytes, 0: none */
    uint64_t cpu_ns;       /* CPU time of all its processes together, 0: any */
    uint64_t output_limit; /* bytes of a file it writes, 0: any */
    uint32_t pids_max;     /* 0: default */
    uint32_t files_max;    /* open files of a process, and host files of all, 0: the caller's */
    const char *cgroup;    /* directory of a control group of the caller's, or NULL; what is */
    int cgroup_fd;         /* written 0 to there puts the sandbox in one with limits; -1: none */
    int guard_pid;         /* a child of the caller's: when it ends, so does the sandbox; 0: none */
    unsigned timeout_seconds; /* 0: none; then SIGTERM, after 2 s SIGKILL, exit code 124 */
    unsigned grace_seconds;   /* between the two, 0: 2 s */

    int net_service;      /* where it listens for requests (net_protocol.h), -1: no network */
    uint32_t net_flags;   /* BOOT_NET_* */
    uint32_t net_address; /* on the named network */
    const struct boot_port *net_ports;
    uint32_t net_port_count;

    unsigned cpu_level;                     /* --cpu: 2 to 4; 0: as the CPU is */
    const struct boot_cpu_leaf *cpu_leaves; /* then: what CPUID answers inside */
    uint32_t cpu_leaf_count;

    int trace_fd;    /* --trace lines go here, -1: off */
    int diff_fd;     /* what changed in memory is written here at the end, -1: off */
    bool diff_list;  /* as lines, not as a tar archive */
    bool read_only;  /* root refuses writes instead of keeping them in memory */
    bool debug;      /* library-OS log lines to standard error; picoprocess dumpable */
    bool quiet;      /* no lines of the monitor's own except failures */
    bool detached;   /* the caller has a session of its own, and no terminal in it */
    bool no_rewrite; /* every system call takes the trap */
    bool stats;      /* counters at the end */
    /* Management of the running sandbox (manage_protocol.h).  announce is called once, when
     * the sandbox has run for announce_ms, and returns a listening socket or -1. */
    int (*announce)(void *context);
    /* Called once when program 1 runs; it costs the start a control call. */
    void (*started)(void *context);
    void *context;
    unsigned announce_ms;
    /* Saving (docs/saving.md). */
    const struct memory_sink *save;     /* how a snapshot is written; NULL: not at all */
    const char *save_path;              /* of a save that nobody asked for by the socket, or NULL */
    int save_signal;                    /* of ours: saves, then ends; 0: none */
    unsigned save_idle_seconds;         /* without CPU time used: saves, then ends; 0: never */
    bool save_on_exit;                  /* when program 1 exits */
    bool hold;                          /* resumed from such a save, program 1 does not exit */
    const struct memory_source *resume; /* go on from this one, or NULL */
    /* Directories the caller goes on writing in after the run (NULL-terminated, or NULL): the
     * process keeps no rights over others. */
    const char *const *own_dirs;
    bool stdin_open; /* -i: standard input is passed on (otherwise as given, too) */
    bool tty;        /* -t: refuse to start without a terminal on standard input */
};

/* Fills in what a plain run has: root_mode host, uid/gid 0, umask 022, trace off. */
void sandbox_config_init(struct sandbox_config *config);

/* Runs the sandbox to its end.  Returns the exit code: the program's 0..255, 128 + n if
 * signal n ended it, or MONITOR_EXIT_*.  If Bailey failed, *err says why (text not empty);
 * nothing of the sandbox is left in any case. */
int monitor_run(const struct sandbox_config *config, struct error *err);

/* Before several runs that are split off from this process: works out what they have in
 * common. */
void monitor_prepare(void);

/* After it, in a process that only splits off such that have the same configuration, without a
 * network: their exports are opened and their common walls built here, once, and hold for this
 * process as well.  Each one's monitor_run builds its own within.  -1: *err says why. */
int monitor_prepare_walls(const struct sandbox_config *config, struct error *err);

/* `bailey check`: one line per thing needed or useful: "ok", "missing" or "absent (works
 * without)".  Returns 0 if this host can run sandboxes, 1 if not. */
int monitor_check(FILE *out);

/* Would the host base show this absolute path?  For messages of the command line. */
bool monitor_path_visible(const char *path, const char *workdir);

#endif
