/* The commands of `bailey`, one file each. */
#ifndef BAILEY_CLI_COMMANDS_H
#define BAILEY_CLI_COMMANDS_H

#include "options.h"

struct command {
    const char *name;
    const char *usage; /* what follows "bailey " */
    const char *help;  /* one line */
    /* argv[0] is the command's name.  Returns the exit code. */
    int (*run)(int argc, char **argv);
    const struct option_def *options; /* NULL: none */
    const char *notes;                /* under the options, or NULL */
};

/* Ends with an entry without a name. */
extern const struct command commands[];
extern const struct option_def run_options[], ps_options[], stop_options[], kill_options[],
    rm_options[], wait_options[], save_options[], resume_options[], exec_options[], logs_options[],
    clone_options[], commit_options[];

int command_run(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_logs(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_rm(int argc, char **argv);
int command_wait(int argc, char **argv);
int command_save(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_check(int argc, char **argv);
int command_clone(int argc, char **argv);
int command_commit(int argc, char **argv);
int command_image(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_help(int argc, char **argv);
int command_snapshot(int argc, char **argv);
int command_version(int argc, char **argv);

extern const struct option_def snapshot_options[];
extern const char snapshot_notes[];
extern const char run_notes[], exec_notes[], image_notes[]; /* exit codes */
extern const char clone_notes[];

/* The help page of a command. */
void help_print(const struct command *command);
const struct command *command_find(const char *name);

#endif
