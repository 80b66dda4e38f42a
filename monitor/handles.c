/* Descriptors the monitor keeps for handles of the sandbox that are open for writing, so
 * that control calls on a handle need no name.  The inside may close a handle without
 * saying so: then the number is replaced when it comes up again, and the count bounds
 * what can pile up. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../abi/gate.h"
#include "place.h"
#include "serve.h"

#define HANDLES_MAX  65536
#define HANDLES_KEPT 16384

static int *kept; /* descriptor + 1 */
static unsigned count;

static bool in_range(int handle) { return handle >= GATE_FD_FIRST && handle < HANDLES_MAX; }

int handle_find(int handle)
{
    place_identity(false);
    if (handle >= GATE_FD_STDIN && handle <= GATE_FD_STDERR)
        return handle - GATE_FD_STDIN;
    if (!kept || !in_range(handle) || !kept[handle])
        return -EBADF;
    return kept[handle] - 1;
}

bool handle_room(void) { return count < HANDLES_KEPT; }

void handle_forget(int handle)
{
    if (!kept || !in_range(handle) || !kept[handle])
        return;
    close(kept[handle] - 1);
    kept[handle] = 0;
    count--;
}

int handle_keep(int handle, int fd)
{
    if (!kept)
        kept = calloc(HANDLES_MAX, sizeof(*kept));
    handle_forget(handle);
    if (!kept || !in_range(handle) || !handle_room()) {
        close(fd);
        return -ENFILE;
    }
    kept[handle] = fd + 1;
    count++;
    return 0;
}
