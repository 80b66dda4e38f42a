/* A monitor that starts nothing, so that the command line can be tested alone, under
 * sanitizers too. */
#include "monitor/memory_file.h"
#include "monitor/monitor.h"

#include <string.h>

void sandbox_config_init(struct sandbox_config *config)
{
    *config = (struct sandbox_config){.umask = 022, .trace_fd = -1, .diff_fd = -1};
}

int monitor_run(const struct sandbox_config *config, struct error *err)
{
    (void)err;
    for (size_t i = 0; config->envp[i]; i++)
        printf("env %s\n", config->envp[i]);
    for (size_t i = 0; i < config->volume_count; i++)
        printf("volume %s %s %d\n", config->volumes[i].host, config->volumes[i].guest,
               config->volumes[i].read_only);
    printf("user %u %u memory %llu timeout %u\n", config->uid, config->gid,
           (unsigned long long)config->memory_limit, config->timeout_seconds);
    for (size_t i = 0; config->argv[i]; i++)
        printf("arg %s\n", config->argv[i]);
    return 0;
}

int monitor_check(FILE *out)
{
    fputs("one\ntwo\nthree\n", out);
    return 0;
}

bool monitor_path_visible(const char *path, const char *workdir) { return true; }

void monitor_prepare(void) {}

int monitor_prepare_walls(const struct sandbox_config *config, struct error *err)
{
    (void)config;
    (void)err;
    return 0;
}

int memory_objects_make(int *segment_fd, int *pool_fd)
{
    *segment_fd = *pool_fd = -1;
    return -1;
}
