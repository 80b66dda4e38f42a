/* Fuzzes the handlers of control calls: the words of a call and the bytes of its message
 * are the input.  With -DWITH_LIBFUZZER it is a libFuzzer target; otherwise main()
 * makes up inputs from a seed, half of them nearly well-formed.
 *
 *   message_fuzz [ROUNDS [SEED]]
 *
 * Call number OPENED stands for what a snapshot lists as open: words[1] of struct boot_opened.
 *
 * Exports: 0 the host base, 1 a writable directory of its own, 2 the same read-only.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../monitor/manage.h"
#include "../../monitor/serve.h"
#include "contract.h"
#include "../random.h"

#define OPENED (HOST_CALL_COUNT + 1)

long serve_words(struct sandbox *s, struct request *r, const uint64_t *words);

static struct sandbox sandbox;
static struct sandbox_config config;
static struct error error;
static char directory[] = "/tmp/bailey-fuzz-XXXXXX";

/* A save needs a whole sandbox. */
long serve_freeze_ready(struct sandbox *s, struct request *r) { return -1; }
int save_start(struct sandbox *s, int fd, int options, unsigned how, uint64_t client) { return -1; }
/* In place of loop.c: nothing is killed or said. */
void say(const char *format, ...) {}
void sandbox_fail(struct sandbox *s, const char *format, ...) {}
void sandbox_violation(struct sandbox *s, const char *what) {}
void sandbox_mail(struct sandbox *s) {}
void manage_answer(struct client *c, enum manage_kind kind, int64_t value) {}
uint64_t manage_client_id(const struct client *c) { return 0; }
struct client *manage_client(uint64_t id) { return NULL; }

static void clean_up(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", directory);
    if (system(command) != 0)
        abort();
}

static void set_up(void)
{
    const struct rlimit small = {1 << 20, 1 << 20};

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) < 0 || !mkdtemp(directory))
        abort();
    atexit(clean_up);
    sandbox.config = &config;
    sandbox.err = &error;
    sandbox.child = sandbox.group = -1;
    sandbox.listener = sandbox.tty_saved_fd = sandbox.workdir_fd = -1;
    sandbox.stdio_closed[0] = sandbox.stdio_closed[1] = sandbox.stdio_closed[2] = true;
    sandbox.proc_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY);
    int dir = open(directory, O_PATH | O_DIRECTORY);
    sandbox.exports[0] = (struct export){
        .dir = open("/", O_PATH | O_DIRECTORY), .read_only = true, .host_base = true};
    sandbox.exports[1] = (struct export){.dir = dir};
    sandbox.exports[2] = (struct export){.dir = dir, .read_only = true};
    sandbox.export_count = 3;
    void *p = mmap(NULL, SEG_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        abort();
    sandbox.segment = p;
    sandbox.boot = p;
}

static void open_listed(uint64_t count, const uint8_t *data, size_t size)
{
    int fds[BOOT_OPENED_MAX];

    sandbox.boot->opened_count = (uint32_t)count;
    if (size > BOOT_SIZE - BOOT_OPENED)
        size = BOOT_SIZE - BOOT_OPENED;
    memcpy(boot_opened(sandbox.boot), data, size);
    for (size_t n = serve_opened(&sandbox, fds); n > 0; n--)
        close(fds[n - 1]);
}

/* 48 bytes of words, then the message, put where the words say if that is a place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    static int next_handle;
    uint64_t words[6];

    if (!sandbox.segment)
        set_up();
    if (size < sizeof(words))
        return 0;
    memcpy(words, data, sizeof(words));
    data += sizeof(words);
    size -= sizeof(words);
    if (words[0] == OPENED) {
        open_listed(words[1], data, size);
        return 0;
    }
    if (size > SLOT_MESSAGE_SIZE)
        size = SLOT_MESSAGE_SIZE;
    if (words[1] < SEG_SIZE - SLOT_MESSAGE_SIZE)
        memcpy(sandbox.segment + words[1], data, size);
    serve_words(&sandbox, &request, words);
    if (request.send_fd >= 0 && request.keep_fd)
        handle_keep(16 + next_handle++ % 64, request.send_fd);
    else if (request.send_fd >= 0)
        close(request.send_fd);
    return 0;
}

#ifndef WITH_LIBFUZZER

static const char *const parts[] = {
    "dir:0/",
    "dir:1/",
    "dir:2/",
    "dir:1/",
    "dir:9/",
    "dir:",
    "host:cpuinfo",
    "host:",
    "job:1/0",
    "job:3/",
    "job:99999999999/1",
    "a",
    "b",
    "c/d",
    "/",
    "..",
    ".",
    "etc",
    "usr",
    "passwd",
    "shadow",
    "",
    "dir:18446744073709551616/",
    "\xff\n",
    "//",
    "etc/ssh",
    "proc/self/mem",
    "dir:1/f",
};

static const char *const names[] = {"a", "b", "c", "d", "f", "g", "etc", "usr"};

static size_t put_text(uint8_t *to, const char *text)
{
    size_t n = strlen(text);

    memcpy(to, text, n);
    return n;
}

/* Mostly a URI of the writable export, one or two names deep. */
static size_t make_string(uint8_t *to)
{
    size_t n = 0;

    if (below(4)) {
        n += put_text(to, below(4) ? "dir:1/" : parts[below(3)]);
        n += put_text(to + n, names[below(8)]);
        if (below(3) == 0) {
            to[n++] = '/';
            n += put_text(to + n, names[below(8)]);
        }
    } else {
        for (uint64_t i = 1 + below(3); i > 0; i--)
            n += put_text(to + n, parts[below(sizeof(parts) / sizeof(parts[0]))]);
    }
    if (below(100) == 0) {
        memset(to + n, 'x', 6000);
        n += 6000;
    }
    to[n++] = below(100) ? 0 : 'z';
    return n;
}

/* Any call, but mostly the control calls. */
static uint64_t make_call(void)
{
    static const uint8_t control[] = {HOST_CALL_OPEN,
                                      HOST_CALL_OPEN,
                                      HOST_CALL_CONTROL,
                                      HOST_CALL_ATTRIBUTES_GET,
                                      HOST_CALL_ATTRIBUTES_SET,
                                      HOST_CALL_LIST,
                                      HOST_CALL_MAKE,
                                      HOST_CALL_RENAME,
                                      HOST_CALL_REMOVE,
                                      HOST_CALL_REPORT,
                                      HOST_CALL_THREAD_INTERRUPT,
                                      HOST_CALL_RANDOM};

    return below(8) ? control[below(sizeof(control))] : below(HOST_CALL_COUNT + 2);
}

/* A list of what was open, some of it cut off. */
static size_t make_opened(uint8_t *to)
{
    const uint64_t words[6] = {OPENED, below(20) ? below(6) : any()};
    struct boot_opened *list = (struct boot_opened *)(to + sizeof(words));
    uint8_t text[16384];

    memcpy(to, words, sizeof(words));
    for (size_t i = 0; i < 5; i++) {
        size_t n = make_string(text);
        memcpy(list[i].uri, text, n < sizeof(list[i].uri) ? n : sizeof(list[i].uri));
        list[i].handle = (int32_t)any();
    }
    return sizeof(words) + 5 * sizeof(*list);
}

static size_t make_input(uint8_t *to)
{
    static const uint32_t fixed[HOST_CALL_COUNT + 1] = {
        [HOST_CALL_OPEN] = sizeof(struct message_open),
        [HOST_CALL_CONTROL] = sizeof(struct message_control),
        [HOST_CALL_ATTRIBUTES_GET] = sizeof(struct message_attributes_get),
        [HOST_CALL_ATTRIBUTES_SET] = sizeof(struct message_attributes_set),
        [HOST_CALL_LIST] = sizeof(struct message_list),
        [HOST_CALL_MAKE] = sizeof(struct message_make),
        [HOST_CALL_RENAME] = sizeof(struct message_rename),
        [HOST_CALL_REMOVE] = sizeof(struct message_remove),
    };
    if (below(16) == 0)
        return make_opened(to);
    uint64_t words[6] = {make_call(), SEG_SLOTS + SLOT_MESSAGE, 0, 0, 0, 0};
    uint8_t *message = to + sizeof(words);
    size_t n = words[0] <= HOST_CALL_COUNT ? fixed[words[0]] : 8;

    for (size_t i = 0; i < n; i += 4) { /* small numbers, now and then a wild one */
        uint32_t v = below(4) ? (uint32_t)below(10) : (uint32_t)any();
        if (below(4) == 0)
            v = 16 + (uint32_t)below(64);
        if (below(6) == 0)
            v = 1u << below(32);
        memcpy(message + i, &v, 4);
    }
    if (words[0] == HOST_CALL_ATTRIBUTES_GET && below(2))
        memset(message, 0xff, 4); /* by name */
    n += make_string(message + n);
    if (below(2))
        n += make_string(message + n);
    words[2] = n;
    for (int i = 3; i < 6; i++)
        words[i] = below(3) ? below(8) : any();
    if (below(20) == 0)
        words[below(6)] = any() >> below(64);
    if (below(20) == 0)
        words[1] += below(SLOT_MESSAGE_SIZE * 2);
    memcpy(to, words, sizeof(words));
    return sizeof(words) + n;
}

int main(int argc, char **argv)
{
    static uint8_t input[65536];
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;

    random_state = argc > 2 ? strtoul(argv[2], NULL, 0) : RANDOM_START;
    for (unsigned long i = 0; i < rounds; i++)
        LLVMFuzzerTestOneInput(input, make_input(input));
    return 0;
}
#endif
