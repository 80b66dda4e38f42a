/* `bailey run --stats`: what the library OS counted, as lines for the monitor to print.
 *
 * Counters are plain additions from everywhere (stats_count) and are read once, when program 1
 * ends.  The host's own counts (faults, switches, CPU time) are the monitor's to ask for. */
#include "stats.h"

#include "../../abi/host_abi.h"
#include "lib.h"
#include "thread.h"

#define MOST_OFTEN 12

struct stats stats SPARSE_TABLE;

static const char *call_name(u32 nr) { return syscall_table[nr].name; }

struct line {
    char text[480];
    size_t used;
};

static void add(struct line *l, const char *format, const char *name, u64 n)
{
    int more = snprintf(l->text + l->used, sizeof(l->text) - l->used, format, name, n);

    l->used = MIN(l->used + (size_t)more, sizeof(l->text) - 1);
}

static u64 sum(const u64 *counts, u32 size)
{
    u64 n = 0;

    for (u32 i = 0; i < size; i++)
        n += counts[i];
    return n;
}

/* "what N: name n, name n, ...", the most frequent first.  Clears the counts. */
static void report(const char *what, u64 *counts, u32 size, const char *(*name)(u32))
{
    struct line l = {.used = 0};

    add(&l, "%s %lu:", what, sum(counts, size));
    for (u32 n = 0; n < MOST_OFTEN; n++) {
        u32 best = 0;
        for (u32 i = 1; i < size; i++)
            if (counts[i] > counts[best])
                best = i;
        if (!counts[best])
            break;
        add(&l, n ? ", %s %lu" : " %s %lu", name(best) ? name(best) : "others", counts[best]);
        counts[best] = 0;
    }
    host_report(HOST_REPORT_STATS, 0, 0, l.text);
}

void stats_report(void)
{
    char text[160];

    if (!(boot()->flags & BOOT_STATS))
        return;
    report("calls", stats.calls, SYSCALL_MAX, call_name);
    snprintf(text, sizeof(text), "%lu calls trapped; %lu sites rewritten, %lu can't be; %lu faults",
             stats.trapped, stats.rewritten, stats.left, stats.faults);
    host_report(HOST_REPORT_STATS, 0, 0, text);
    report("host calls", stats.host, SYSCALL_MAX, call_name);
    report("requests", stats.requests, STATS_REQUESTS, stats_request_name);
}
