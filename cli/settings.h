/* What the options and the manifest of a run say, before it becomes a configuration. */
#ifndef BAILEY_CLI_SETTINGS_H
#define BAILEY_CLI_SETTINGS_H

#include "image_root.h"
#include "monitor/monitor.h"
#include "network.h"
#include "resources.h"
#include "string_list.h"
#include "user.h"
#include "volume.h"

struct settings {
    struct sandbox_config config;
    struct strings env;
    struct volumes volumes;
    struct network network;
    struct limits limits;
    struct strings net, ports, servers; /* --net, -p and --dns as they were given */
    const char *cpu;
    struct strings listed; /* program of a manifest */
    bool print_manifest;
    struct user user;
    const char *user_text;
    char *root, *workdir;
    const char *image_text;
    struct image_root image;
    struct strings program; /* with an image */
    const char *trace;      /* file name, "" for standard error, NULL: off */
    const char *diff;       /* file name, "-" for a list on standard error, NULL: off */
    const char *commit;     /* tag of the image made of the changes, NULL: off */
    bool flatten;           /* that image is complete in itself */
    char *commit_file;      /* where they are until then */
    int commit_go, commit_result;
    bool detach, remove; /* -d, --rm */
};

/* Options that a resume may be given anew (carried.h): the context is a struct settings. */
typedef int run_take(void *context, const char *shown, const char *value);
run_take run_take_net, run_take_publish, run_take_dns, run_take_hostname, run_take_memory,
    run_take_pids, run_take_timeout, run_take_cpus, run_take_cpu_time, run_take_files,
    run_take_output, run_take_save_on, run_take_save_to;

#endif
