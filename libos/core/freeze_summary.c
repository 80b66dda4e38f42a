/* What a snapshot holds, for people: one line of text for each process, file and stream, as
 * `bailey snapshot info` and `ls` show them.  Made while everything rests, so only lifetimes
 * are to be minded.  Pairs of a kind and a line, each ending with NUL; what does not fit
 * into a message is left out. */
#include "freeze.h"
#include "lib.h"
#include "lock.h"
#include "thread.h"
#include "vfs.h"

enum { LINE = 400 };

/* False when there is no more room. */
static bool add(struct textbuf *b, const char *kind, const char *line)
{
    size_t need = strlen(kind) + strlen(line) + 2;

    if (b->cap - b->len < need + 1)
        return false;
    text_bytes(b, kind, strlen(kind) + 1);
    text_bytes(b, line, strlen(line) + 1);
    return true;
}

static bool add_process(struct textbuf *b, struct process *p)
{
    struct process *parent = process_parent(p);
    char line[LINE];

    snprintf(line, sizeof(line), "%d parent %d threads %u %s", p->pid, parent ? parent->pid : 0,
             p->nthreads, p->zombie || !p->leader ? "(ended)" : p->leader->comm);
    if (parent)
        process_put(parent);
    return add(b, "process", line);
}

static bool add_files(struct textbuf *b, struct process *p)
{
    char line[LINE], text[256];
    bool room = true;

    for (u32 fd = 0; room && p->files && fd < p->files->size; fd++) {
        struct file *f = p->files->fd[fd];
        if (!f)
            continue;
        const char *name = file_text(f, text, sizeof(text));
        if (IS_ERR(name)) /* too long to show */
            name = "...";
        snprintf(line, sizeof(line), "%d descriptor %u %s", p->pid, fd, name);
        room = add(b, name[0] == '/' ? "file" : "stream", line);
    }
    return room;
}

size_t freeze_summary(char *buffer, size_t size)
{
    struct textbuf b = {.p = buffer, .cap = size};
    struct process *p, *next;
    bool room = true;

    for (p = process_next(0); p && room; p = next) {
        room = add_process(&b, p) && add_files(&b, p);
        next = process_next(p->pid);
        process_put(p);
    }
    if (p)
        process_put(p);
    if (room)
        carry_summary(add, &b);
    return b.len;
}
