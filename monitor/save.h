/* Saving a sandbox and making one from what was saved. */
#ifndef BAILEY_MONITOR_SAVE_H
#define BAILEY_MONITOR_SAVE_H

#include "image.h"
#include "sandbox.h"

/* What the monitor itself keeps in a snapshot, under "state". */
struct saved_state {
    uint32_t spaces, boot_version;
    uint64_t xsave_size, xcr0;
};

/* Asks the inside to come to rest; what follows is done when it has.  fd: where to write,
 * taken over; -1: --save-to's file.  options: for the sink, taken over, or -1.  client: who gets
 * the answer (manage.h), 0: nobody.  how: enum manage_save.  0 or -EBUSY. */
int save_start(struct sandbox *s, int fd, int options, unsigned how, uint64_t client);
/* s->save_deadline has come: the inside did not answer in time. */
void save_look(struct sandbox *s);
/* s->save_fd is readable: the file that was written beside is complete, or given up. */
void save_written(struct sandbox *s);
/* The sandbox has ended: waits for the file that is being written. */
void save_end(struct sandbox *s);

/* Fills the memory objects of a new sandbox from config->resume, before its first process
 * starts.  0 or -1 with s->err. */
int resume_memory(struct sandbox *s);
/* Puts what is this host's and this run's into the saved boot_info. */
void resume_boot(const struct sandbox_config *c, struct boot_info *saved,
                 const struct boot_info *fresh);

#endif
