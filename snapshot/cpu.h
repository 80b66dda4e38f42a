/* What programs see of the CPU, and what a snapshot needs of it.
 *
 * Programs choose their code by CPUID once and keep to it, so a resumed one needs every
 * feature that it saw.  A level (x86-64-v2 and so on, as the psABI defines them) limits what
 * it sees, on CPUs that can be told to fault on CPUID. */
#ifndef BAILEY_SNAPSHOT_CPU_H
#define BAILEY_SNAPSHOT_CPU_H

#include "../abi/boot.h"
#include "snapshot.h"

/* 2, 3 or 4; 0 if it is no level ("x86-64-v2"). */
unsigned cpu_level_parse(const char *name);

/* Adds the pairs of metadata "cpu": each feature that programs see at `level` (0: all of this
 * CPU's), the size and mask of the XSAVE area. */
int snapshot_cpu_describe(struct snapshot_pairs *pairs, unsigned level);
/* Does this CPU have what the snapshot needs?  One without metadata "cpu" needs nothing. */
int snapshot_cpu_check(const struct snapshot_reader *r, struct snapshot_error *err);
/* Does this CPU have all of a level?  If not, err says what is missing. */
int cpu_level_check(unsigned level, struct snapshot_error *err);

/* Can this CPU fault on CPUID? */
bool cpu_can_hide(void);
/* All answers that programs see at `level`, sorted; how many, at most `max`. */
unsigned cpu_leaves(struct boot_cpu_leaf *leaves, unsigned max, unsigned level);
/* For tests: hides from an answer what is above `level`. */
void cpu_leaf_limit(struct boot_cpu_leaf *leaf, unsigned level);

#endif
