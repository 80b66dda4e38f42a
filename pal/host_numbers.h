/* Host system calls behind the contract (x86-64 numbers). */
#ifndef BAILEY_PAL_HOST_NUMBERS_H
#define BAILEY_PAL_HOST_NUMBERS_H

#define HOST_NR_mmap        9
#define HOST_NR_mprotect    10
#define HOST_NR_munmap      11
#define HOST_NR_mremap      25
#define HOST_NR_madvise     28
#define HOST_NR_close       3
#define HOST_NR_sendmsg     46
#define HOST_NR_recvmsg     47
#define HOST_NR_clone       56
#define HOST_NR_exit        60
#define HOST_NR_sigaltstack 131
#define HOST_NR_getrusage   98
#define HOST_NR_futex       202
#define HOST_NR_exit_group  231
#define HOST_NR_epoll_ctl   233
#define HOST_NR_epoll_pwait 281
#define HOST_NR_accept4     288
#define HOST_NR_preadv2     327
#define HOST_NR_pwritev2    328

#endif
