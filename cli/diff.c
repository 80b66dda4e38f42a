/* bailey diff FILE.tar: lists what a run changed.
 *
 * The file is an ordinary tar archive laid out as a container layer: changed and new
 * files as they were at the end of the run, and an empty ".wh.NAME" for each NAME that
 * was removed.  It comes from elsewhere, so every field is checked before it is used.
 */
#define _GNU_SOURCE
#include "commands.h"
#include "clean_text.h"
#include "complain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 512, NAME_MAX_LEN = 65536, PAX_MAX_LEN = 16 << 20 };

struct header { /* one block, as POSIX.1-1988 (ustar) */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char linkname[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8];
    char prefix[155], padding[11];
    char kind; /* A, C or D where bailey wrote it: padding to everybody else */
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct reader {
    FILE *file;
    const char *path;
    char *long_name; /* from an extended header, for the next entry */
};

static int damaged(const struct reader *r, const char *why)
{
    return complain(r->path, "it is written by bailey run --diff FILE.tar", "%s", why);
}

/* An octal field, or a binary one where its first bit is set (sizes over 8 GB). */
static bool number(const char *field, size_t len, uint64_t *value)
{
    size_t i = 0;

    *value = 0;
    if (field[0] & 0x80) {
        for (i = 1; i < len; i++)
            *value = *value << 8 | (unsigned char)field[i];
        return *value <= INT64_MAX;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i == len || field[i] == 0 || field[i] == ' ';
}

static bool checksum_fits(const struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    const size_t from = offsetof(struct header, checksum);
    uint64_t want, sum = 0;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= from && i < from + sizeof(h->checksum) ? ' ' : bytes[i];
    return number(h->checksum, sizeof(h->checksum), &want) && want == sum;
}

static bool skip(FILE *file, uint64_t bytes)
{
    char waste[BLOCK * 16];

    for (bytes = (bytes + BLOCK - 1) / BLOCK * BLOCK; bytes > 0;) {
        size_t n = bytes < sizeof(waste) ? bytes : sizeof(waste);
        if (fread(waste, 1, n, file) != n)
            return false;
        bytes -= n;
    }
    return true;
}

/* The "path" record of a pax header: lines of "LENGTH KEY=VALUE\n". */
static char *pax_path(char *text, size_t len)
{
    char *end = text + len;

    while (text < end) {
        char *key;
        unsigned long n = strtoul(text, &key, 10);
        if (n < 5 || n > (size_t)(end - text) || *key != ' ' || text[n - 1] != '\n')
            return NULL;
        text[n - 1] = 0;
        if (strncmp(key + 1, "path=", 5) == 0)
            return need(strdup(key + 6));
        text += n;
    }
    return NULL;
}

/* The name of the next entry, where it is too long for its header. */
static int take_extension(struct reader *r, char type, uint64_t size)
{
    if (size > (type == 'x' ? PAX_MAX_LEN : NAME_MAX_LEN))
        return damaged(r, "an extended header is too large");
    size_t room = (size + BLOCK - 1) / BLOCK * BLOCK;
    char *text = need(malloc(room + 1));
    if (fread(text, 1, room, r->file) != room) {
        free(text);
        return damaged(r, "it ends too early");
    }
    text[size] = 0;
    char *name = type == 'L' ? need(strdup(text)) : type == 'x' ? pax_path(text, size) : NULL;
    if (name) {
        free(r->long_name);
        r->long_name = name;
    }
    free(text);
    return 0;
}

static void print_entry(const struct reader *r, const struct header *h)
{
    char short_name[sizeof(h->prefix) + sizeof(h->name) + 2];
    const char *name = r->long_name ? r->long_name : short_name;

    /* GNU's older format has other things there. */
    bool prefix = h->prefix[0] && memcmp(h->magic, "ustar", sizeof(h->magic)) == 0;
    snprintf(short_name, sizeof(short_name), "%.*s%s%.*s", prefix ? (int)sizeof(h->prefix) : 0,
             h->prefix, prefix ? "/" : "", (int)sizeof(h->name), h->name);
    while (*name == '/' || (*name == '.' && name[1] == '/'))
        name++;
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/')
        len--;
    const char *last = memrchr(name, '/', len);
    last = last ? last + 1 : name;
    bool removed = strncmp(last, ".wh.", 4) == 0;
    int tail = (int)(len - (size_t)(last - name));
    char kind = removed ? 'D' : h->kind == 'A' ? 'A' : 'C';
    char *above = clean_text(name, (size_t)(last - name));
    char *own = removed ? clean_text(last + 4, (size_t)tail - 4) : clean_text(last, (size_t)tail);
    printf("%c /%s%s\n", kind, above, own);
    free(above);
    free(own);
}

static int list(struct reader *r)
{
    static const struct header end;
    struct header h;

    while (fread(&h, 1, BLOCK, r->file) == BLOCK) {
        uint64_t size;
        int error = 0;
        if (memcmp(&h, &end, BLOCK) == 0)
            return 0;
        if (!checksum_fits(&h) || !number(h.size, sizeof(h.size), &size))
            return damaged(r, "it is not a tar archive, or damaged");
        if (h.type == 'L' || h.type == 'K' || h.type == 'x' || h.type == 'g') {
            error = take_extension(r, h.type, size);
        } else {
            print_entry(r, &h);
            free(r->long_name);
            r->long_name = NULL;
            if ((h.type == '0' || h.type == 0) && !skip(r->file, size))
                error = damaged(r, "it ends too early");
        }
        if (error)
            return error;
    }
    return damaged(r, "it ends too early");
}

int command_diff(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-')
        return complain("diff", "bailey diff FILE.tar", "it takes one file");
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    struct reader r = {.path = argv[1], .file = fd < 0 ? NULL : fdopen(fd, "r")};
    if (!r.file)
        return complain_errno(argv[1], errno, "it is written by bailey run --diff FILE.tar");
    int code = list(&r);
    free(r.long_name);
    fclose(r.file);
    if (fflush(stdout) != 0)
        return CLI_FAILED;
    return code;
}
