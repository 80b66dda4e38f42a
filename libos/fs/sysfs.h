/* Between the files of /sys. */
#ifndef LIBOS_FS_SYSFS_H
#define LIBOS_FS_SYSFS_H

#include "pseudo.h"

extern const struct pseudo_node sys_one_cpu_table[]; /* cpuN: key is the CPU number */
/* CPUs [from, to) as a mask in groups of 32 bits, with the newline. */
void sys_cpu_mask(struct textbuf *b, u32 from, u32 to);
const char *sys_cpu_list(void); /* "0-3" */

#endif
