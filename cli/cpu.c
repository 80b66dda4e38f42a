/* Levels of the architecture for programs; see snapshot/cpu.h. */
#include "cpu.h"

#include "complain.h"
#include "snapshot/cpu.h"

int cpu_take(struct sandbox_config *config, const char *shown, const char *value)
{
    config->cpu_level = cpu_level_parse(value);
    if (!config->cpu_level)
        return complain(shown, "give x86-64-v2, x86-64-v3 or x86-64-v4", "'%s' is no level", value);
    return 0;
}

int cpu_settle(struct sandbox_config *config)
{
    enum { LEAVES_MAX = 160 };
    static struct boot_cpu_leaf leaves[LEAVES_MAX];
    struct snapshot_error err = {0};

    if (!config->cpu_level)
        return 0;
    if (cpu_level_check(config->cpu_level, &err))
        return complain_text(err.text, "choose a lower level");
    if (!cpu_can_hide())
        return complain("--cpu", "leave it out: snapshots then need what this CPU has",
                        "this CPU can't hide features from programs (no CPUID faulting)");
    config->cpu_leaf_count = cpu_leaves(leaves, LEAVES_MAX, config->cpu_level);
    config->cpu_leaves = leaves;
    return 0;
}
