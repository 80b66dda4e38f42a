/* Numbers as people write them. */
#ifndef BAILEY_CLI_NUMBER_H
#define BAILEY_CLI_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* "512m", "2g", "64k", "1048576": bytes. */
bool parse_size(const char *text, uint64_t *bytes);
/* "10", "10s", "2m", "1h": seconds, at least one. */
bool parse_seconds(const char *text, unsigned *seconds);
/* Plain decimal between min and max. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* "TERM", "SIGTERM", "15": the number, or 0. */
int parse_signal(const char *text);

#endif
