/* Fuzzes the small languages of the command line: --net, -p, --dns, sizes, times, volumes
 * and files of settings.  The first byte of an input says which. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../cli/env.h"
#include "../../cli/network.h"
#include "../../cli/number.h"
#include "../../cli/volume.h"
#include "complain.h"
#include "mutate.h"

/* What starts things is not called. */
int runtime_network(const char *name, char **path) { return CLI_FAILED; }
uint32_t named_address(const char *name) { return 1; }
int net_service_start(struct net_config *c, struct net_service *s) { abort(); }
void net_service_end(struct net_service *s) {}
bool name_valid(const char *name) { return *name != 0; }

static void network(const char *text, int which)
{
    struct network n = {.service = {.socket = -1}};
    int (*const take[])(struct network *, const char *,
                        const char *) = {network_take, network_take_port, network_take_server};

    take[which](&n, "--x", text);
    take[which](&n, "--x", text);
    network_free(&n);
}

static void numbers(const char *text)
{
    uint64_t value;
    unsigned seconds;

    if (parse_size(text, &value))
        words += value != 0;
    if (parse_seconds(text, &seconds) && seconds == 0)
        abort();
    if (parse_number(text, 1, 100, &value) && (value < 1 || value > 100))
        abort();
}

static void volume(const char *text)
{
    struct volumes list = {0};

    if (volume_add(&list, "-v", text) == 0)
        volumes_check(&list, NULL);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].guest[0] != '/' || strstr(list.items[i].guest, "/../"))
            abort();
    volumes_free(&list);
}

static void settings(const uint8_t *data, size_t size)
{
    struct strings env = {0};
    char path[64];
    int fd = memfd_create("env", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    env_read_file(&env, path);
    for (size_t i = 0; i < env.count; i++)
        if (!strchr(env.items[i], '='))
            abort();
    strings_free(&env);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096)
        return 0;
    unsigned which = data[0] % 6;
    if (which == 5) {
        settings(data + 1, size - 1);
        return 0;
    }
    char *text = strndup((const char *)data + 1, size - 1);
    if (which < 3)
        network(text, (int)which);
    else if (which == 3)
        numbers(text);
    else
        volume(text);
    free(text);
    return 0;
}
