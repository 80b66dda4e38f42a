/* run --cpu: showing programs less than the CPU has. */
#ifndef BAILEY_CLI_CPU_H
#define BAILEY_CLI_CPU_H

#include "monitor/monitor.h"

/* Reads the option's value. */
int cpu_take(struct sandbox_config *config, const char *shown, const char *value);
/* Prepares what config->cpu_level asks for, if anything.  Returns 0 or an exit code. */
int cpu_settle(struct sandbox_config *config);

#endif
