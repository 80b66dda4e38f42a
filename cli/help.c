/* bailey help and bailey version. */
#include "commands.h"
#include "complain.h"

#include <stdio.h>

static const char overview[] =
    "bailey runs unmodified Linux x86-64 programs in picoprocesses: the program's system\n"
    "calls are served by a library OS beside it, and a monitor guards the few calls that\n"
    "reach the host.\n"
    "\n"
    "Usage: bailey COMMAND [options]\n"
    "\n"
    "Commands:\n";

static const char examples[] = "\n"
                               "Examples:\n"
                               "  bailey run -- python3 -c 'print(1)'\n"
                               "  bailey run -v ./data:/data:ro -w /data -- sh -c 'wc -l *.csv'\n"
                               "  bailey run --trace -- cat /etc/hostname\n"
                               "\n"
                               "bailey run --help lists the options; man bailey tells the rest.\n";

const char run_notes[] =
    "Exit code: the program's own; 128+N when signal N ended it; 124 after --timeout, 125\n"
    "when Bailey itself failed, 126 when the program can't be executed, 127 when it isn't\n"
    "found.\n";

void help_print(const struct command *command)
{
    printf("%s.\n\nUsage: bailey %s\n", command->help, command->usage);
    if (command->options) {
        options_print(command->options);
    }
    if (command->notes)
        printf("\n%s", command->notes);
}

int command_help(int argc, char **argv)
{
    if (argc > 1) {
        const struct command *command = command_find(argv[1]);
        if (!command)
            return complain(argv[1], "see bailey --help", "no such command");
        help_print(command);
    } else {
        fputs(overview, stdout);
        for (const struct command *c = commands; c->name; c++)
            printf("  %-38s%s\n", c->usage, c->help);
        fputs(examples, stdout);
    }
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("bailey %s\n", BAILEY_VERSION);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}
