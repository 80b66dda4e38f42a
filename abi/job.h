/* A job: another program to be run in a sandbox (`bailey exec`).
 *
 * The command line writes this into a memory object, the monitor hands it in unseen, the
 * library OS reads it: job:N/0 is the object, job:N/1 to job:N/3 are the streams that
 * become descriptors 0 to 2 of the program, or what its terminal is connected to.
 */
#ifndef BAILEY_ABI_JOB_H
#define BAILEY_ABI_JOB_H

#include <stdint.h>

#define JOB_MAGIC    0x31626f4a656c6942ULL /* "BileJob1" */
#define JOB_SIZE_MAX (4u << 20)

#define JOB_TTY      1u /* give it a pseudo terminal, connected to the streams */
#define JOB_USER     2u /* uid and gid are meant; otherwise as program 1 was started */
#define JOB_DIFF     4u /* no program: what changed in memory, as `run --diff` has it, to stream 2 */

struct job_header {
    uint64_t magic;
    uint32_t size; /* of all of it */
    uint32_t flags;
    uint32_t argc, envc;
    uint32_t uid, gid;
    uint16_t rows, cols; /* of the terminal */
    uint32_t reserved;
    /* Strings, each with its NUL: the directory ("": where program 1 was started), argc
     * arguments, envc settings on top of the environment of program 1. */
};

#endif
