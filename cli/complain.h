/* Messages for people, and the exit codes of the command line.
 *
 * Every refusal is one line on standard error: "bailey: what: why (what to do)".
 */
#ifndef BAILEY_CLI_COMPLAIN_H
#define BAILEY_CLI_COMPLAIN_H

/* Exit codes that are Bailey's own; any other is the program's (docs/bailey.1). */
enum {
    CLI_TIMEOUT = 124,   /* --timeout ended the run */
    CLI_FAILED = 125,    /* Bailey itself failed, or the command line was wrong */
    CLI_NOT_EXEC = 126,  /* the program was found and can't be executed */
    CLI_NOT_FOUND = 127, /* the program was not found */
};

/* Prints the line; hint may be NULL.  Returns CLI_FAILED, so that a caller can
 * `return complain(...)`. */
int complain(const char *what, const char *hint, const char *why, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a message that is "what: why" already. */
int complain_text(const char *text, const char *hint);

/* complain with the text of errno value `err` as the reason. */
int complain_errno(const char *what, int err, const char *hint);

/* The same where a process could not be started. */
int complain_process(const char *what, int err);

/* Allocation failure ends the command: there is nothing to clean up before a run. */
void *need(void *allocated) __attribute__((returns_nonnull));

#endif
