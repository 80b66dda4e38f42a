/* A second filter below Bailey's, so that a hole in that one is seen and not suffered. */
#ifndef BAILEY_TESTS_HOSTILE_BACKSTOP_H
#define BAILEY_TESTS_HOSTILE_BACKSTOP_H

#define LOAD(field)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))

static inline int install(const struct sock_filter *code, size_t n)
{
    const struct sock_fprog program = {(unsigned short)n, (struct sock_filter *)code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* From the gate page: EPERM for every number that the contract does not name, and for all
 * that is not x86-64.  From elsewhere everything passes. */
static inline int backstop(void)
{
#define FILTER_CALL(name) __NR_##name,
    static const uint32_t listed[] = {
#include "contract_filter.inc"
        HOST_MONITOR_NR};
#undef FILTER_CALL
    static struct sock_filter code[64];
    size_t n = 0;
    const struct sock_filter head[] = {
        LOAD(instruction_pointer) /* high half */,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(IMAGE_BASE >> 32), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        LOAD(instruction_pointer),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(IMAGE_BASE + 0x1000), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc000003e, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        LOAD(nr),
    };

    for (; n < sizeof(head) / sizeof(head[0]); n++)
        code[n] = head[n];
    code[0].k += 4;
    for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, listed[i], 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    return install(code, n);
}

#endif
