/* Going over the store: listing, and removing what nothing leads to; see store.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "erofs_file.h"
#include "store.h"

#define STALE_SECONDS 86400 /* a temporary file this old is nobody's */

struct list {
    struct store_entry *items;
    size_t count, room;
};

static struct store_entry *add(struct list *l)
{
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 16;
        void *items = realloc(l->items, room * sizeof(*l->items));
        if (!items)
            return NULL;
        l->items = items;
        l->room = room;
    }
    l->items[l->count] = (struct store_entry){0};
    return &l->items[l->count++];
}

static DIR *open_part(const struct store *s, const char *part)
{
    char path[STORE_PATH];

    snprintf(path, sizeof(path), "%.3800s/%s", s->path, part);
    return opendir(path);
}

static void look_at(const struct store *s, struct store_entry *e)
{
    char path[STORE_PATH];
    struct stat st;

    store_image_path(s, e->digest, path);
    if (stat(path, &st) < 0)
        return;
    e->size = (uint64_t)st.st_size;
    e->time = st.st_mtim.tv_sec;
    struct image_error ignored;
    struct erofs_file f;
    if (erofs_file_open(&f, path, &ignored) < 0)
        return;
    if (f.part_count > 1)
        strcpy(e->base, f.parts[1].digest);
    erofs_file_close(&f);
}

static int list_tags(const struct store *s, struct list *l)
{
    DIR *d = open_part(s, "tags");
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char digest[DIGEST_TEXT] = "";
        if (!store_tag_ok(e->d_name))
            continue;
        ssize_t n = readlinkat(dirfd(d), e->d_name, digest, DIGEST_TEXT);
        if (n != DIGEST_TEXT - 1)
            continue;
        digest[n] = 0;
        struct store_entry *to = digest_is(digest) ? add(l) : NULL;
        if (!to)
            continue;
        strcpy(to->digest, digest);
        strcpy(to->tag, e->d_name);
        look_at(s, to);
    }
    if (d)
        closedir(d);
    return 0;
}

static bool image_name(const char *name, char digest[DIGEST_TEXT])
{
    if (strlen(name) != DIGEST_TEXT - 1 + strlen(".erofs") ||
        strcmp(name + DIGEST_TEXT - 1, ".erofs") != 0)
        return false;
    memcpy(digest, name, DIGEST_TEXT - 1);
    digest[DIGEST_TEXT - 1] = 0;
    return digest_is(digest);
}

static bool tagged(const struct list *l, size_t tags, const char *digest)
{
    for (size_t i = 0; i < tags; i++)
        if (strcmp(l->items[i].digest, digest) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct store_entry *x = a, *y = b;
    int c = strcmp(x->tag, y->tag);

    return c ? c : strcmp(x->digest, y->digest);
}

int store_list(const struct store *s, struct store_entry **list, size_t *count,
               struct image_error *err)
{
    struct list l = {0};
    struct dirent *e;

    list_tags(s, &l);
    size_t tags = l.count;
    DIR *d = open_part(s, "sha256");
    while (d && (e = readdir(d))) {
        char digest[DIGEST_TEXT];
        if (!image_name(e->d_name, digest) || tagged(&l, tags, digest))
            continue;
        struct store_entry *to = add(&l);
        if (!to)
            break;
        strcpy(to->digest, digest);
        look_at(s, to);
    }
    if (d)
        closedir(d);
    if (l.count)
        qsort(l.items, l.count, sizeof(*l.items), by_name);
    *list = l.items;
    *count = l.count;
    return 0;
}

/* ---- layers ------------------------------------------------------------------------------- */

static bool has_layer(const struct store *s, const struct store_entry *e, const char *digest)
{
    struct image_error ignored;
    struct erofs_file f;
    char path[STORE_PATH];
    bool found = false;

    if (!e->base[0]) /* none at all */
        return false;
    store_image_path(s, e->digest, path);
    if (erofs_file_open(&f, path, &ignored) < 0)
        return false;
    for (uint32_t n = 1; n < f.part_count; n++)
        found |= strcmp(f.parts[n].digest, digest) == 0;
    erofs_file_close(&f);
    return found;
}

const struct store_entry *store_made_from(const struct store *s, const struct store_entry *list,
                                          size_t count, const char *digest)
{
    for (size_t i = 0; i < count; i++)
        if (has_layer(s, &list[i], digest))
            return &list[i];
    return NULL;
}

/* ---- cleaning ----------------------------------------------------------------------------------
 */

/* Temporary files of this age belong to nobody that still runs. */
static void remove_stale(const struct store *s, const char *part, bool everything)
{
    DIR *d = open_part(s, part);
    time_t now = time(NULL);
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d))) {
        bool temporary = strstr(e->d_name, "new-") != NULL;
        if (e->d_name[0] == '.' && !temporary)
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
            continue;
        if ((temporary && now - st.st_mtim.tv_sec > STALE_SECONDS) || (!temporary && everything))
            unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
}

int store_gc(const struct store *s, uint64_t *images, uint64_t *bytes, struct image_error *err)
{
    struct store_entry *list;
    size_t count;
    int rc = 0;

    *images = *bytes = 0;
    if (store_list(s, &list, &count, err) < 0)
        return -1;
    size_t tags = count;
    while (tags > 0 && !list[count - tags].tag[0]) /* those without one come first */
        tags--;
    for (size_t i = 0; i < count - tags && rc == 0; i++) {
        if (store_made_from(s, list + (count - tags), tags, list[i].digest))
            continue;
        rc = store_remove(s, list[i].digest, err);
        if (rc == 0) {
            ++*images;
            *bytes += list[i].size;
        }
    }
    free(list);
    remove_stale(s, "sha256", false);
    remove_stale(s, "tags", false);
    remove_stale(s, "seen", true); /* what is still there is read once more */
    return rc;
}
