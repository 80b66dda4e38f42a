/* What the dynamic linker found out about the CPU is what CPUID says, in each of many programs
 * in a row: inside, its CPUID instructions are rewritten after some. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/platform/x86.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS 8

static const struct {
    unsigned index, leaf, subleaf;
} asked[] = {
    {CPUID_INDEX_1, 1, 0},
    {CPUID_INDEX_7, 7, 0},
    {CPUID_INDEX_80000001, 0x80000001, 0},
    {CPUID_INDEX_80000007, 0x80000007, 0},
    {CPUID_INDEX_80000008, 0x80000008, 0},
    {CPUID_INDEX_7_ECX_1, 7, 1},
    {CPUID_INDEX_D_ECX_1, 0xd, 1},
};

static int differs(unsigned i)
{
    const struct cpuid_feature *f = __x86_get_cpuid_feature_leaf(asked[i].index);
    unsigned r[4];

    __cpuid_count(asked[i].leaf, asked[i].subleaf, r[0], r[1], r[2], r[3]);
    for (int k = 0; k < 4; k++) {
        unsigned mask = asked[i].leaf == 1 && k == 1 ? 0xffffff : ~0u; /* not which CPU it is */
        if ((f->cpuid_array[k] ^ r[k]) & mask) {
            printf("leaf %x/%x, register %d: %x, not %x\n", asked[i].leaf, asked[i].subleaf, k,
                   f->cpuid_array[k], r[k]);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    int status, bad = 0;

    if (argc > 1) {
        for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
            bad |= differs(i);
        return bad;
    }
    for (int i = 0; i < PROGRAMS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", argv[0], "look", (char *)NULL);
            _exit(2);
        }
        if (waitpid(pid, &status, 0) != pid || status)
            bad = 1;
    }
    puts(bad ? "differs" : "the same");
    return bad;
}
