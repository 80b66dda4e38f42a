/* bailey: runs unmodified Linux programs in picoprocesses. */
#include "commands.h"
#include "complain.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
    {"run", "run [options] [--] PROGRAM [ARG...]", "Run a program in a sandbox", command_run,
     run_options, run_notes},
    {"exec", "exec [options] NAME PROGRAM [ARG...]", "Run another program in a running sandbox",
     command_exec, exec_options, exec_notes},
    {"ps", "ps [options]", "List sandboxes", command_ps, ps_options, NULL},
    {"logs", "logs [-f] [-n N] NAME", "Show what a detached run has written", command_logs,
     logs_options, NULL},
    {"stop", "stop [-t SEC] NAME...", "End sandboxes: SIGTERM, then SIGKILL", command_stop,
     stop_options, NULL},
    {"kill", "kill [-s SIG] NAME...", "Kill sandboxes, or send their program a signal",
     command_kill, kill_options, NULL},
    {"wait", "wait NAME...", "Wait for the end of sandboxes, print exit codes", command_wait,
     wait_options, NULL},
    {"rm", "rm [-f] NAME...", "Remove sandboxes that have ended", command_rm, rm_options, NULL},
    {"save", "save [options] NAME", "Write a running sandbox to a file and end it", command_save,
     save_options, NULL},
    {"resume", "resume [options] FILE", "Let a saved sandbox go on", command_resume, resume_options,
     run_notes},
    {"clone", "clone [options] NAME|FILE", "Start copies of a sandbox, running or saved",
     command_clone, clone_options, clone_notes},
    {"commit", "commit [options] NAME IMAGE", "Make an image of what a sandbox changed",
     command_commit, commit_options, NULL},
    {"image", "image COMMAND ...", "Build, keep and look at root images", command_image, NULL,
     image_notes},
    {"diff", "diff FILE.tar", "List what a run changed, as written by run --diff", command_diff,
     NULL, NULL},
    {"snapshot", "snapshot info|ls|verify|diff|keygen FILE...", "Look at snapshot files, make keys",
     command_snapshot, snapshot_options, snapshot_notes},
    {"check", "check", "Say whether this host can run sandboxes", command_check, NULL, NULL},
    {"version", "version", "Print the version", command_version, NULL, NULL},
    {"help", "help [COMMAND]", "Explain a command", command_help, NULL, NULL},
    {.name = NULL},
};

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return complain("no command", "try bailey run -- PROGRAM, or bailey --help",
                        "there is nothing to do");
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct command *command = command_find(name);
    if (!command) {
        return complain(name, "see bailey --help; to run a program: bailey run -- PROGRAM",
                        "no such command");
    }
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        help_print(command);
        return fflush(stdout) == 0 ? 0 : CLI_FAILED;
    }
    return command->run(argc - 1, argv + 1);
}
