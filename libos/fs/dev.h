/* Drivers of the devices in fs/dev.c. */
#ifndef LIBOS_FS_DEV_H
#define LIBOS_FS_DEV_H

#include "vfs.h"

extern const struct file_ops dev_null_fops, dev_zero_fops, dev_full_fops, dev_random_fops,
    dev_kmsg_fops, dev_tty_fops, dev_save_fops, dev_generation_fops;

/* The descriptors of the start, one by one: the first terminal becomes /dev/tty. */
void tty_attach(struct file *f);
/* Number (as st_rdev) and foreground group of the session's terminal; false: it has none. */
bool tty_of_session(s32 sid, u32 *number, s32 *foreground);

#endif
