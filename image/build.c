#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs_file.h"
#include "file.h"
#include "input.h"
#include "layers.h"
#include "reuse.h"
#include "write.h"

struct job {
    const struct image_build *b;
    struct tree tree;
    struct erofs_file image; /* while contents are still in it */
    int spool;
    uint64_t spooled;
    struct image_config config;
    struct image_error *err;
};

/* ---- the input ------------------------------------------------------------------------------- */

static bool is_layout(const char *path)
{
    char name[4200];

    snprintf(name, sizeof(name), "%s/index.json", path);
    if (access(name, F_OK) < 0)
        return false;
    snprintf(name, sizeof(name), "%s/oci-layout", path);
    return access(name, F_OK) == 0;
}

static bool is_image(int fd)
{
    struct erofs_super sb;

    return pread(fd, &sb, sizeof(sb), EROFS_SB_OFFSET) == sizeof(sb) && sb.magic == EROFS_MAGIC;
}

static int take_oci(struct job *j)
{
    char *text;

    if (input_oci(&j->tree, j->b->input, j->spool, &j->spooled, &text, j->err) < 0)
        return -1;
    int rc = text ? image_config_parse(&j->config, text, j->err) : 0;
    free(text);
    return rc;
}

static int take_image(struct job *j)
{
    char *text;

    if (layered_open(&j->image, j->b->input, j->err) < 0 ||
        input_image(&j->tree, &j->image, j->spool, &j->spooled, j->err) < 0 ||
        erofs_file_config(&j->image, &text, j->err) < 0)
        return -1;
    int rc = text ? image_config_parse(&j->config, text, j->err) : 0;
    free(text);
    return rc;
}

static int take_tar(struct job *j, const char *path, uint32_t layer)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return image_fail(j->err, errno, "%s", path);
    int rc = input_tar(&j->tree, fd, path, j->spool, &j->spooled, layer, j->err);
    close(fd);
    return rc;
}

static int take_input(struct job *j)
{
    const struct image_build *b = j->b;
    struct stat st;

    if (!b->input)
        return input_debian(&j->tree, b->suite, b->packages, j->spool, &j->spooled, j->err);
    int fd = open(b->input, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return image_fail(j->err, errno, "%s", b->input);
    bool image = S_ISREG(st.st_mode) && is_image(fd);
    close(fd);
    if (S_ISDIR(st.st_mode))
        return is_layout(b->input) ? take_oci(j) : input_dir(&j->tree, b->input, j->err);
    return image ? take_image(j) : take_tar(j, b->input, 0);
}

/* ---- what is said besides ---------------------------------------------------------------------
 */

static void own_all(struct node *n, uint32_t uid, uint32_t gid)
{
    n->uid = uid;
    n->gid = gid;
    for (size_t i = 0; i < n->count; i++)
        own_all(n->entries[i].node, uid, gid);
}

static void replace_words(struct image_words *to, const struct image_words *from)
{
    if (!from->count)
        return;
    image_words_clear(to);
    for (size_t i = 0; i < from->count; i++)
        image_words_add(to, from->items[i]);
}

/* A setting takes the place of one of the same name. */
static void set_env(struct image_words *env, const char *setting)
{
    size_t name = strcspn(setting, "=") + 1;

    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], setting, name) == 0) {
            free(env->items[i]);
            env->items[i] = strdup(setting);
            return;
        }
    image_words_add(env, setting);
}

static void replace_text(char **to, const char *from)
{
    if (!from)
        return;
    free(*to);
    *to = strdup(from);
}

static void merge_config(struct image_config *to, const struct image_config *from)
{
    if (from->entrypoint.count) /* the command was meant for the other one */
        image_words_clear(&to->cmd);
    replace_words(&to->entrypoint, &from->entrypoint);
    replace_words(&to->cmd, &from->cmd);
    for (size_t i = 0; i < from->env.count; i++)
        set_env(&to->env, from->env.items[i]);
    replace_text(&to->user, from->user);
    replace_text(&to->workdir, from->workdir);
    replace_text(&to->base, from->base);
}

/* ---- the output
 * ---------------------------------------------------------------------------------- */

/* Lays the archive over what there is. */
static int take_layer(struct job *j)
{
    struct reuse reuse = {0};

    if (j->b->base_digest)
        reuse_collect(&reuse, &j->tree);
    int rc = take_tar(j, j->b->layer, 1);
    if (rc == 0)
        reuse_apply(&reuse, &j->tree, j->spool);
    reuse_free(&reuse);
    return rc;
}

static int write_output(struct job *j, const char *output)
{
    struct write_options options = {.clamp = j->b->clamp, .epoch = j->b->epoch};
    struct new_file file;
    uint64_t size;

    if (new_file_open(&file, output, j->err) < 0)
        return -1;
    char *config = image_config_text(&j->config);
    options.config = config;
    if (j->b->base_digest && j->image.part_count) {
        options.base = &j->image;
        options.base_digest = j->b->base_digest;
    }
    int rc = image_write(&j->tree, file.fd, &options, &size, j->err);
    if (rc == 0)
        rc = new_file_commit(&file, output, 0644, j->err);
    new_file_drop(&file);
    free(config);
    return rc;
}

int image_build(const struct image_build *b, const char *output, struct image_error *err)
{
    struct job j = {.b = b, .image = {.fd = -1}, .err = err};
    int rc = -1;

    tree_init(&j.tree);
    j.spool = spool_open(output, err);
    if (j.spool >= 0)
        rc = take_input(&j);
    if (rc == 0 && b->layer)
        rc = take_layer(&j);
    if (rc == 0) {
        if (b->own)
            own_all(j.tree.root, b->uid, b->gid);
        merge_config(&j.config, &b->config);
        rc = write_output(&j, output);
    }
    tree_free(&j.tree);
    erofs_file_close(&j.image);
    image_config_free(&j.config);
    if (j.spool >= 0)
        close(j.spool);
    return rc;
}
