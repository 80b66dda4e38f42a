/* The commands below `bailey image`. */
#ifndef BAILEY_CLI_IMAGE_H
#define BAILEY_CLI_IMAGE_H

#include "options.h"

/* Options and other words in any order; the words, at most `max`, to words.  0 or an exit
 * code after a message. */
int image_parse(const struct option_def *table, int argc, char **argv, void *context, char **words,
                int max, int *count);

extern const struct option_def image_build_options[], image_export_options[], image_ls_options[];

int image_command_build(int argc, char **argv);
int image_command_import(int argc, char **argv);
int image_command_export(int argc, char **argv);
int image_command_tag(int argc, char **argv);
int image_command_ls(int argc, char **argv);
int image_command_info(int argc, char **argv);
int image_command_rm(int argc, char **argv);
int image_command_verify(int argc, char **argv);
int image_command_gc(int argc, char **argv);

#endif
