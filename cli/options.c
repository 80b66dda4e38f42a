/* Table-driven option parser and help printer; see options.h. */
#include "options.h"

#include "commands.h"
#include "complain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30, WORD_MAX = 128 };

static bool is_end(const struct option_def *o) { return o->kind == OPTION_HEADING && !o->help; }

static const struct option_def *following(const struct option_def *o)
{
    o++;
    return o->kind == OPTION_MORE ? command_find(o->name)->options : o;
}

static const struct option_def *find_long(const struct option_def *table, const char *name,
                                          size_t len)
{
    for (const struct option_def *o = table; !is_end(o); o = following(o)) {
        if (o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    }
    return NULL;
}

static const struct option_def *find_letter(const struct option_def *table, char letter)
{
    for (const struct option_def *o = table; !is_end(o); o = following(o)) {
        if (o->letter && o->letter == letter)
            return o;
    }
    return NULL;
}

static int unknown(const char *command, const char *shown)
{
    char hint[WORD_MAX];

    snprintf(hint, sizeof(hint), "see bailey %s --help", command);
    return complain(shown, hint, "unknown option");
}

static int needs_value(const struct option_def *o, const char *shown)
{
    char hint[WORD_MAX];

    snprintf(hint, sizeof(hint), "give it as %s %s", shown, o->arg);
    return complain(shown, hint, "a value is missing");
}

static int take_long(const struct option_def *table, const char *command, char **argv, int argc,
                     int *at, void *context)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const char *value = equals ? equals + 1 : NULL;
    const struct option_def *o = find_long(table, word, len);
    char shown[WORD_MAX];

    snprintf(shown, sizeof(shown), "--%.*s", (int)(len > 100 ? 100 : len), word);
    if (!o)
        return unknown(command, shown);
    if (o->kind == OPTION_FLAG && value)
        return complain(shown, "leave out what follows the =", "takes no value");
    if (o->kind == OPTION_VALUE && !value) {
        if (*at + 1 >= argc)
            return needs_value(o, shown);
        value = argv[++*at];
    }
    return o->take(context, shown, value);
}

/* One word of letters: flags may be bundled, the first letter that takes a value gets
 * the rest of the word, or the next one. */
static int take_letters(const struct option_def *table, const char *command, char **argv, int argc,
                        int *at, void *context)
{
    for (const char *c = argv[*at] + 1; *c; c++) {
        const struct option_def *o = find_letter(table, *c);
        char shown[] = {'-', *c, 0};
        if (!o)
            return unknown(command, shown);
        const char *value = NULL;
        if (o->kind == OPTION_VALUE) {
            value = c[1] ? c + 1 : *at + 1 < argc ? argv[++*at] : NULL;
            if (!value)
                return needs_value(o, shown);
        }
        int error = o->take(context, shown, value);
        if (error || value)
            return error;
    }
    return 0;
}

int options_parse(const struct option_def *table, const char *command, int argc, char **argv,
                  void *context, int *rest)
{
    int at = 1;

    for (; at < argc; at++) {
        const char *word = argv[at];
        if (word[0] != '-' || word[1] == 0)
            break;
        if (strcmp(word, "--") == 0) {
            at++;
            break;
        }
        int error = word[1] == '-' ? take_long(table, command, argv, argc, &at, context)
                                   : take_letters(table, command, argv, argc, &at, context);
        if (error)
            return error;
    }
    *rest = at;
    return 0;
}

static void print_option(const struct option_def *o)
{
    char left[WORD_MAX];
    int n = 0;

    n += snprintf(left, sizeof(left), o->letter ? "  -%c" : "    ", o->letter);
    if (o->name)
        n += snprintf(left + n, sizeof(left) - n, "%s--%s", o->letter ? ", " : "  ", o->name);
    if (o->kind == OPTION_VALUE)
        n += snprintf(left + n, sizeof(left) - n, " %s", o->arg);
    if (o->kind == OPTION_OPTIONAL)
        n += snprintf(left + n, sizeof(left) - n, "[=%s]", o->arg);
    printf("%-*s", HELP_COLUMN, left);
    if (n >= HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    for (const char *c = o->help; *c; c++) {
        putchar(*c);
        if (*c == '\n')
            printf("%*s", HELP_COLUMN, "");
    }
    putchar('\n');
}

int options_parse_word(const struct option_def *table, const char *command, int argc, char **argv,
                       void *context, const char **word)
{
    int rest, code = options_parse(table, command, argc, argv, context, &rest);

    *word = NULL;
    if (code || rest == argc)
        return code;
    *word = argv[rest];
    argc -= rest; /* the word stands where the command's name would */
    argv += rest;
    code = options_parse(table, command, argc, argv, context, &rest);
    if (!code && rest < argc)
        return complain(argv[rest], NULL, "one word too many");
    return code;
}

void options_print(const struct option_def *table)
{
    for (const struct option_def *o = table; !is_end(o); o = following(o)) {
        if (o->kind == OPTION_HEADING)
            printf("\n%s:\n", o->help);
        else if (o->help)
            print_option(o);
    }
}
