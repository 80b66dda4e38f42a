/* Reaching what runs on the host: processes and their services.  The harness has them
 * running and sees whether anybody comes. */
#include "hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* The monitor interrupts threads of the sandbox, and no other. */
static void signal_others(void)
{
    long bystander = atol(given("BYSTANDER"));
    const struct boot_info *b = (const struct boot_info *)SEG_BASE;
    const long pids[] = {bystander,    1,           0, -1, getppid(), b->host_pid - 1,
                         -b->host_pid, 1L << 32 | 1};

    for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
        if (ask(0, HOST_CALL_THREAD_INTERRUPT, 0, pids[i], pids[i], 0) >= 0)
            escaped("interrupted %ld", pids[i]);
        if (ask(0, HOST_CALL_THREAD_INTERRUPT, 0, b->host_pid, pids[i], 0) >= 0)
            escaped("interrupted thread %ld", pids[i]);
        if (pids[i] > 0 && ask(0, HOST_CALL_REPORT, 0, HOST_REPORT_CPUTIME, pids[i], 0) > 0)
            escaped("time of process %ld", pids[i]);
        if (ask(0, HOST_CALL_REPORT, 0, HOST_REPORT_MEMORY, pids[i], 0) > 0)
            escaped("memory of process %ld", pids[i]);
    }
    if (kill((pid_t)bystander, SIGTERM) == 0)
        escaped("killed %ld", bystander);
    kill(-1, SIGTERM); /* all processes there are, inside */
}

static void loopback(void)
{
    struct sockaddr_in to = {
        AF_INET, htons((uint16_t)atoi(given("TCP_PORT"))), {htonl(INADDR_LOOPBACK)}, {0}};

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        escaped("connected to the host's loopback");
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (udp >= 0)
        sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)); /* the harness looks */
}

static void unix_services(void)
{
    static const char *const names[] = {"ABSTRACT", "AGENT"};

    for (int i = 0; i < 2; i++) {
        struct sockaddr_un to = {AF_UNIX, {0}};
        const char *name = given(names[i]);
        size_t n = strlen(name);
        memcpy(to.sun_path + (i == 0), name, n);
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            int fd = socket(AF_UNIX, type, 0);
            socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
            if (fd >= 0 && connect(fd, (struct sockaddr *)&to, size) == 0)
                escaped("connected to %s", name);
        }
    }
}

/* What tells a program where its user's bus and agents are. */
static void environment(void)
{
    static const char *const names[] = {"DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK",
                                        "XDG_RUNTIME_DIR", "GPG_AGENT_INFO", "SECRET_TOKEN"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (getenv(names[i]))
            escaped("%s came in", names[i]);
}

/* Descriptors of the caller's that were left open, a directory and the secret itself: none
 * may be there.  (The library OS has files of its own open.) */
static void inherited(void)
{
    char text[64] = "";
    struct {
        void *base;
        size_t size;
    } iov = {text, sizeof(text) - 1};

    for (long fd = 0; fd < 4096; fd++) {
        if (fd >= GATE_FD_STDIN && fd <= GATE_FD_STDERR)
            continue;
        long n = gate(SYS_preadv2, fd, (long)&iov, 1, 0, 0, HOST_NOWAIT);
        if (n == -EISDIR || (n > 0 && strstr(text, "secret")))
            escaped("descriptor %ld is open", fd);
        n = gate(SYS_accept4, fd, 0, 0, SOCK_NONBLOCK, 0, 0);
        if (n != -EBADF && n != -ENOTSOCK)
            escaped("descriptor %ld is a socket", fd);
    }
}

/* Memory that a resumed sandbox shares with others of the same snapshot, and the file itself.
 * Saved while it waits for input (tests/hostile/run), and then carried on, where that ends. */
static void shared_pages(void)
{
    struct {
        const void *base;
        size_t size;
    } iov = {"x", 1};
    const size_t size = 24 << 20;
    struct boot_info *boot = (struct boot_info *)SEG_BASE;
    char *late = malloc(size);

    memset(late, 7, size);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    for (int i = 0; i < 3000; i++) { /* they come while it runs, in an order of its choice */
        boot->pages_wish = below(2) ? any() : BOOT_WISH(0, (uintptr_t)late + below(size));
        if (late[below(size)] != 7)
            escaped("a page is not what it was");
    }
    for (long fd = GATE_FD_RUNS; fd < GATE_FD_PAGES + 3; fd++) {
        if (gate(SYS_pwritev2, fd, (long)&iov, 1, 0, 0, 0) > 0)
            escaped("wrote to descriptor %ld", fd);
        if (gate(SYS_mmap, 0x10000000, PAGE_SIZE, 3, GATE_MMAP_SHARED_FILE, fd, 0) >= 0)
            escaped("mapped descriptor %ld writable", fd);
        if (gate(SYS_mmap, 0x10000000, PAGE_SIZE, 1, GATE_MMAP_SHARED_FILE, fd, 0) >= 0 &&
            gate(SYS_mprotect, 0x10000000, PAGE_SIZE, 3, 0, 0, 0) >= 0)
            escaped("made descriptor %ld writable", fd);
        if (gate(SYS_madvise, 0x10000000, PAGE_SIZE, HOST_DISCARD_HOLE, 0, 0, 0) >= 0)
            escaped("a hole in descriptor %ld", fd);
        gate(SYS_munmap, 0x10000000, PAGE_SIZE, 0, 0, 0, 0);
    }
    printf("tried\n");
}

const struct attack reach_attacks[] = {
    {"reach-signals", ANY, NULL, signal_others},
    {"reach-loopback", REFUSED, NULL, loopback},
    {"reach-unix", REFUSED, NULL, unix_services},
    {"reach-environment", REFUSED, NULL, environment},
    {"reach-inherited", REFUSED, NULL, inherited},
    {"reach-shared-pages", REFUSED, NULL, shared_pages},
    {0},
};
