/* Drivers of the devices in fs/dev.c. */
#ifndef LIBOS_FS_DEV_H
#define LIBOS_FS_DEV_H

#include "vfs.h"

extern const struct file_ops dev_null_fops, dev_zero_fops, dev_full_fops, dev_random_fops,
    dev_kmsg_fops, dev_tty_fops;

#endif
