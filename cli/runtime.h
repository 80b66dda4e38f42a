/* The runtime directory: one directory for each sandbox that can be managed.
 *
 *     NAME/control     socket of its monitor (monitor/manage_protocol.h)
 *     NAME/state.json  what `bailey ps` shows (state.h)
 *     NAME/log         output of a detached run
 *     .lock            held for moments while directories come and go
 *     .net-NETWORK     a named network (monitor/net_named.c)
 *
 * A sandbox lives as long as its monitor holds an flock on its directory, so nothing that
 * was left by a crash is ever taken for alive; whoever comes across it cleans up.
 */
#ifndef BAILEY_CLI_RUNTIME_H
#define BAILEY_CLI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_LENGTH_MAX 64

struct entry {
    char name[NAME_LENGTH_MAX + 1];
    int dir;    /* descriptor of its directory; with the lock where it is ours */
    bool alive; /* its monitor runs */
};

/* It stays open, for a process that will need it many times and those split off from it: 0 or an
 * exit code after a message. */
int runtime_keep(void);
/* The runtime directory's path, made if need be; "" if it cannot be. */
void runtime_directory(char *path, size_t size);

/* May this be a sandbox's name? */
bool name_valid(const char *name);

/* Makes and locks the directory of a new sandbox, under `name`, or one made from `program`
 * if it is NULL.  0 or an exit code; with quiet, no message. */
int entry_claim(struct entry *e, const char *name, const char *program, bool quiet);
/* A listening control socket in our own directory; descriptor or -1. */
int entry_listen(const struct entry *e);
/* Ends our own: its directory goes, or, with keep, stays as one that has ended. */
void entry_end(struct entry *e, bool keep);

/* Finds one by name, alive or ended.  0, or an exit code after a message. */
int entry_find(struct entry *e, const char *name);
/* Removes one that has ended; false if it lives. */
bool entry_remove(const struct entry *e);
/* Does the monitor run (still)? */
bool entry_lives(const struct entry *e);
/* Waits until the monitor has put everything away. */
void entry_wait(struct entry *e);
void entry_close(struct entry *e);

/* Each entry is an open descriptor.  Whoever holds many needs more than a shell allows at first:
 * the limit is raised as far as it can be.  entries_list does that itself. */
void entries_allow(void);
/* All of them, those left by crashes cleaned up, ordered by name.  Count, or -1 after a
 * message; *list is freed with entries_free. */
int entries_list(struct entry **list);
void entries_free(struct entry *list, int count);

/* The directory of a named network, made if need be; *path is to be freed.  0 or an exit
 * code. */
int runtime_network(const char *name, char **path);

#endif
