/* bailey ps: which sandboxes there are. */
#include "commands.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clean_text.h"
#include "complain.h"
#include "runtime.h"
#include "state.h"

struct settings {
    bool all, json, names;
};

OPTION_SWITCH(all, struct settings, all)
OPTION_SWITCH(json, struct settings, json)
OPTION_SWITCH(names, struct settings, names)

const struct option_def ps_options[] = {
    {.kind = OPTION_HEADING, .help = "Options"},
    {OPTION_FLAG, 'a', "all", NULL, "those that have ended and were kept, too", take_all},
    {OPTION_FLAG, 0, "json", NULL, "everything known, as an array of objects", take_json},
    {OPTION_FLAG, 'q', "quiet", NULL, "names only", take_names},
    {.kind = OPTION_HEADING},
};

/* "3 minutes": the largest unit that fits. */
static void since(char *text, size_t size, int64_t then)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    int64_t s = time(NULL) - then;

    for (size_t i = 0; i < 4; i++) {
        int64_t n = s / units[i].seconds;
        if (n > 0 || i == 3) {
            snprintf(text, size, "%lld %s%s", (long long)(n < 0 ? 0 : n), units[i].name,
                     n == 1 ? "" : "s");
            return;
        }
    }
}

static void status_text(char *text, size_t size, const struct state *state)
{
    char ago[64];

    since(ago, sizeof(ago), state->finished ? state->finished : state->started);
    if (state->finished)
        snprintf(text, size, "exited (%d) %s ago", state->exit_code, ago);
    else
        snprintf(text, size, "up %s", ago);
}

/* One line of at most `size` - 1 bytes, fit for a terminal. */
static void line_of(char *text, size_t size, const struct strings *program, const char *between)
{
    size_t used = 0;

    text[0] = 0;
    for (size_t i = 0; i < program->count && used < size - 1; i++) {
        const char *word = program->items[i];
        if (i)
            used += clean_text_to(text + used, size - used, between, strlen(between));
        used += clean_text_to(text + used, size - used, word, strlen(word));
    }
}

static void print_row(const struct entry *e, const struct state *state)
{
    char status[96], started[32], program[41], ports[200];
    time_t at = (time_t)state->started;
    struct tm tm;

    strftime(started, sizeof(started), "%Y-%m-%d %H:%M:%S", localtime_r(&at, &tm));
    status_text(status, sizeof(status), state);
    line_of(program, sizeof(program), &state->program, " ");
    line_of(ports, sizeof(ports), &state->ports, ", ");
    printf("%-24s %8d  %-19s  %-28s  %s%s%s\n", e->name, (int)state->pid, started, status, program,
           *ports ? "  " : "", ports);
}

static void show(const struct settings *s, const struct entry *list, int count)
{
    struct json_object *array = need(json_object_new_array());

    if (!s->json && !s->names)
        printf("%-24s %8s  %-19s  %-28s  %s\n", "NAME", "PID", "STARTED", "STATUS",
               "PROGRAM, PUBLISHED PORTS");
    for (int i = 0; i < count; i++) {
        struct state state;
        if ((!list[i].alive && !s->all) || !state_read(list[i].dir, &state))
            continue;
        struct json_object *o = s->json ? state_object(&state) : NULL;
        if (o) {
            json_object_object_add(o, "name", json_object_new_string(list[i].name));
            json_object_array_add(array, o);
        } else if (s->names) {
            puts(list[i].name);
        } else {
            print_row(&list[i], &state);
        }
        state_free(&state);
    }
    if (s->json)
        puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PRETTY |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(array);
}

int command_ps(int argc, char **argv)
{
    struct settings s = {0};
    struct entry *list;
    int rest, code = options_parse(ps_options, "ps", argc, argv, &s, &rest);

    if (code)
        return code;
    if (rest < argc)
        return complain(argv[rest], "see bailey ps --help", "ps takes no names");
    int count = entries_list(&list);
    if (count < 0)
        return CLI_FAILED;
    show(&s, list, count);
    entries_free(list, count);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}
