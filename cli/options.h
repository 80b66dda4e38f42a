/* A command's options as one table: the parser, the help text and the shell
 * completion all read it, so none of them can be forgotten.
 *
 * Parsing follows what people know from getopt_long: "--name value", "--name=value",
 * "-xVALUE", "-x VALUE", bundled flags ("-it"), "--" ends the options, and so does
 * the first word that isn't one.
 */
#ifndef BAILEY_CLI_OPTIONS_H
#define BAILEY_CLI_OPTIONS_H

enum option_kind {
    OPTION_FLAG,     /* takes no value */
    OPTION_VALUE,    /* needs one */
    OPTION_OPTIONAL, /* may have one, only as --name=value */
    OPTION_HEADING,  /* no option: a heading of the help text, in `help` */
    OPTION_MORE,     /* the last entry: the table goes on with that of the command `name` */
};

struct option_def {
    enum option_kind kind;
    char letter;      /* 0: none */
    const char *name; /* without the dashes */
    const char *arg;  /* name of the value in the help text */
    const char *help; /* NULL: hidden.  Lines are separated by \n. */
    /* Takes the option; value is NULL where none was given.  `shown` is the option as
     * the user wrote it, for messages.  Returns 0, or an exit code after it has
     * complained. */
    int (*take)(void *context, const char *shown, const char *value);
};

/* Defines take_NAME for an option that only sets a switch: the context is a TYPE. */
#define OPTION_SWITCH(name, type, member)                                                          \
    static int take_##name(void *context, const char *shown, const char *value)                    \
    {                                                                                              \
        (void)shown;                                                                               \
        (void)value;                                                                               \
        ((type *)context)->member = true;                                                          \
        return 0;                                                                                  \
    }

/* Parses argv[1..]; *rest becomes the index of the first word that is not an option.
 * `command` names the help page in messages ("run").  The table ends with an entry
 * whose kind is OPTION_HEADING and whose help is NULL.  Returns 0 or an exit code. */
int options_parse(const struct option_def *table, const char *command, int argc, char **argv,
                  void *context, int *rest);

/* The same for a command with exactly one word, before or between its options: *word. */
int options_parse_word(const struct option_def *table, const char *command, int argc, char **argv,
                       void *context, const char **word);

/* Prints the table as the option part of a help page, on standard output. */
void options_print(const struct option_def *table);

#endif
