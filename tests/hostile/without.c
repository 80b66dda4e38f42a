/* without [landlock] [namespaces] [backstop] -- COMMAND...
 *
 * Runs a command as on a host that lacks these, by a filter of its own: the kernel then
 * answers as one that was built without.
 *
 * backstop: a system call from where the gate stands that is not on the contract's list is
 * refused, should Bailey's filter ever let it pass: the strictest answer of all filters
 * counts, so a kill stays a kill, and a hole in the filter shows without harm to the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../abi/host_abi.h"
#include "../../abi/layout.h"
#include "backstop.h"

int main(int argc, char **argv)
{
    static const struct sock_filter landlock[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 444 /* landlock_create_ruleset */, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 446 /* landlock_restrict_self */, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    static const struct sock_filter namespaces[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    int at = 1, rc = 0;

    for (; at < argc && strcmp(argv[at], "--") != 0 && rc == 0; at++) {
        if (!strcmp(argv[at], "landlock"))
            rc = install(landlock, sizeof(landlock) / sizeof(landlock[0]));
        else if (!strcmp(argv[at], "namespaces"))
            rc = install(namespaces, sizeof(namespaces) / sizeof(namespaces[0]));
        else if (!strcmp(argv[at], "backstop"))
            rc = backstop();
        else
            rc = -1;
    }
    if (rc < 0 || at + 1 >= argc) {
        fprintf(stderr, "usage: without [landlock] [namespaces] [backstop] -- COMMAND...\n");
        return 2;
    }
    execv(argv[at + 1], argv + at + 1);
    perror(argv[at + 1]);
    return 2;
}
