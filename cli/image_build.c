/* bailey image build. */
#define _GNU_SOURCE
#include "image.h"
#include "complain.h"
#include "image/build.h"
#include "image/file.h"
#include "image/store.h"
#include "image/walls.h"
#include "image_root.h"
#include "number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    struct image_build build;
    const char *output, *tag;
};

#define TAKE(name) static int take_##name(void *context, const char *shown, const char *value)

TAKE(output)
{
    (void)shown;
    ((struct settings *)context)->output = value;
    return 0;
}

TAKE(tag)
{
    if (!store_tag_ok(value))
        return complain(shown, "use letters, digits, _ . : -", "'%s' is no name for an image",
                        value);
    ((struct settings *)context)->tag = value;
    return 0;
}

TAKE(debian)
{
    (void)shown;
    ((struct settings *)context)->build.suite = value;
    return 0;
}

TAKE(packages)
{
    (void)shown;
    ((struct settings *)context)->build.packages = value;
    return 0;
}

TAKE(owner)
{
    struct image_build *b = &((struct settings *)context)->build;
    char *copy = need(strdup(value)), *group = strchr(copy, ':');
    uint64_t uid, gid;

    if (group)
        *group++ = 0;
    bool fine = parse_number(copy, 0, 0xfffffffe, &uid) &&
                parse_number(group ? group : copy, 0, 0xfffffffe, &gid);
    free(copy);
    if (!fine)
        return complain(shown, "give it as 0:0", "'%s' is no UID[:GID]", value);
    b->own = true;
    b->uid = (uint32_t)uid;
    b->gid = (uint32_t)gid;
    return 0;
}

static int clamp(struct image_build *b, const char *shown, const char *value)
{
    uint64_t epoch;

    if (!parse_number(value, 0, 1ULL << 40, &epoch))
        return complain(shown, "give it in seconds since 1970", "'%s' is no time", value);
    b->clamp = true;
    b->epoch = (int64_t)epoch;
    return 0;
}

TAKE(timestamp) { return clamp(&((struct settings *)context)->build, shown, value); }

TAKE(env)
{
    struct settings *s = context;

    if (*value == '=' || !strchr(value, '='))
        return complain(shown, "give it as NAME=VALUE", "'%s' is no setting", value);
    image_words_add(&s->build.config.env, value);
    return 0;
}

TAKE(user)
{
    (void)shown;
    struct image_config *c = &((struct settings *)context)->build.config;
    free(c->user);
    c->user = need(strdup(value));
    return 0;
}

TAKE(workdir)
{
    struct image_config *c = &((struct settings *)context)->build.config;

    if (*value != '/')
        return complain(shown, "start it with /", "'%s' is not an absolute path inside", value);
    free(c->workdir);
    c->workdir = need(strdup(value));
    return 0;
}

static int take_words(struct image_words *w, const char *value)
{
    struct image_error err = {0};

    return image_words_parse(w, value, &err) < 0 ? complain_image(&err) : 0;
}

TAKE(entrypoint)
{
    (void)shown;
    return take_words(&((struct settings *)context)->build.config.entrypoint, value);
}

TAKE(cmd)
{
    (void)shown;
    return take_words(&((struct settings *)context)->build.config.cmd, value);
}

const struct option_def image_build_options[] = {
    {.kind = OPTION_HEADING, .help = "Where it goes (one of them, or both)"},
    {OPTION_VALUE, 'o', "output", "FILE", "write the image to FILE", take_output},
    {OPTION_VALUE, 't', "tag", "NAME", "keep it in the store under NAME", take_tag},
    {.kind = OPTION_HEADING, .help = "What it is made from, instead of INPUT"},
    {OPTION_VALUE, 0, "debian", "SUITE", "a minimal Debian, by mmdebstrap", take_debian},
    {OPTION_VALUE, 0, "packages", "A,B,C", "with these packages", take_packages},
    {.kind = OPTION_HEADING, .help = "What it holds"},
    {OPTION_VALUE, 0, "owner", "UID[:GID]", "all files belong to this user", take_owner},
    {OPTION_VALUE, 0, "timestamp", "SEC", "no file is younger (or SOURCE_DATE_EPOCH)",
     take_timestamp},
    {.kind = OPTION_HEADING, .help = "How it wants to be run"},
    {OPTION_VALUE, 'e', "env", "NAME=V", "a variable", take_env},
    {OPTION_VALUE, 'u', "user", "USER[:GROUP]", "the user", take_user},
    {OPTION_VALUE, 'w', "workdir", "DIR", "the working directory", take_workdir},
    {OPTION_VALUE, 0, "entrypoint", "WORDS",
     "what every program's words follow: words, or a\n"
     "JSON array",
     take_entrypoint},
    {OPTION_VALUE, 0, "cmd", "WORDS", "the program if none is given", take_cmd},
    {.kind = OPTION_HEADING},
};

static int check(struct settings *s, int words, char **word)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");

    if (!s->output && !s->tag)
        return complain("image build", "-o FILE.erofs, or -t NAME",
                        "where the image goes is missing");
    if (s->build.packages && !s->build.suite)
        return complain("--packages", "--debian bookworm", "without --debian");
    if (words != (s->build.suite ? 0 : 1))
        return complain("image build",
                        "a directory, a tar archive, an OCI layout, or --debian SUITE",
                        "it takes one input");
    s->build.input = words ? word[0] : NULL;
    return epoch && *epoch && !s->build.clamp ? clamp(&s->build, "SOURCE_DATE_EPOCH", epoch) : 0;
}

/* Into the store, then from there to the file. */
static int build_tagged(struct settings *s, struct image_error *err)
{
    char file[STORE_PATH], digest[DIGEST_TEXT];
    struct store store;

    if (store_open(&store, true, err) < 0)
        return -1;
    store_temporary(&store, file);
    if (!s->build.suite) /* another program makes that input */
        image_walls(&store, s->output);
    if (image_build(&s->build, file, err) < 0)
        return -1;
    if (store_take(&store, file, digest, err) < 0 ||
        store_set_tag(&store, s->tag, digest, err) < 0) {
        unlink(file);
        return -1;
    }
    printf("%s\n", digest);
    store_image_path(&store, digest, file);
    return s->output ? copy_to_new_file(file, s->output, err) : 0;
}

static int build_file(struct settings *s, struct image_error *err)
{
    if (!s->build.suite)
        image_walls(NULL, s->output);
    return image_build(&s->build, s->output, err);
}

int image_command_build(int argc, char **argv)
{
    struct settings s = {0};
    struct image_error err = {0};
    char *input;
    int words;

    int code = image_parse(image_build_options, argc, argv, &s, &input, 1, &words);
    if (!code)
        code = check(&s, words, &input);
    if (!code && (s.tag ? build_tagged(&s, &err) : build_file(&s, &err)) < 0)
        code = complain_image(&err);
    image_config_free(&s.build.config);
    return code ? code : fflush(stdout) == 0 ? 0 : CLI_FAILED;
}
