/* Using up what the host has.  A limit holds against a program that means harm, so each is
 * tried past the library OS. */
#include "hostile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

static void sleeper(void)
{
    for (;;)
        raw_sleep(1000000000);
}

/* Every file it can get, and no word about closing any. */
static void descriptors(void)
{
    long last = 0;

    for (int i = 0; i < 30000 && last >= 0; i++)
        last = ask_open(0, "dir:0/etc/passwd", O_RDONLY);
    if (ask_attributes(0, "dir:0/usr") != 0)
        escaped("the monitor serves no more");
}

static void processes(void)
{
    unsigned n = 0;

    while (n < 400 && raw_process(n, sleeper) > 0)
        n++;
    if (n >= 400)
        escaped("%u processes where 20 were allowed", n);
}

static void threads(void)
{
    unsigned n = 0;

    while (n < 400 && raw_thread(n, sleeper) > 0)
        n++;
    if (n >= 400)
        escaped("%u threads where 20 were allowed", n);
}

/* A tree of processes that fork as fast as they can; whoever ends it must end all. */
static void fork_storm(void)
{
    for (unsigned i = 0; i < 24; i++)
        raw_process(i, fork_storm);
    sleeper();
}

const struct attack exhaust_attacks[] = {
    {"exhaust-descriptors", REFUSED, NULL, descriptors},
    {"exhaust-processes", REFUSED, "--pids 20", processes},
    {"exhaust-threads", REFUSED, "--pids 20", threads},
    {"exhaust-fork-storm", ANY, "--pids 100 --timeout 1", fork_storm},
    {0},
};
