/* bailey image: finds the command below it. */
#include "image.h"
#include "commands.h"
#include "complain.h"

#include <stdio.h>
#include <string.h>

const char image_notes[] =
    "Commands:\n"
    "  image build [options] INPUT         from a directory, a tar archive, an OCI layout\n"
    "  image import FILE[.zst] [NAME]      take an image file into the store\n"
    "  image export [options] IMAGE FILE   write an image to a file, compressed\n"
    "  image tag IMAGE NAME                give it one more name\n"
    "  image ls [--json]                   list the store\n"
    "  image info IMAGE                    what is known of an image, as JSON\n"
    "  image rm IMAGE...                   remove names, and images by digest\n"
    "  image verify IMAGE...               read images whole: structure and digest\n"
    "  image gc                            remove images without a name\n"
    "bailey image COMMAND --help lists the options of a command.\n";

static const struct command image_commands[] = {
    {"build", "image build [options] INPUT", "Make an image from a directory, archive or layout",
     image_command_build, image_build_options, NULL},
    {"import", "image import FILE[.zst] [NAME]", "Take an image file into the store",
     image_command_import, NULL, NULL},
    {"export", "image export [options] IMAGE FILE", "Write an image to a file, compressed",
     image_command_export, image_export_options, NULL},
    {"tag", "image tag IMAGE NAME", "Give an image of the store one more name", image_command_tag,
     NULL, NULL},
    {"ls", "image ls [options]", "List the images of the store", image_command_ls, image_ls_options,
     NULL},
    {"info", "image info IMAGE", "Tell what is known of an image, as JSON", image_command_info,
     NULL, NULL},
    {"rm", "image rm IMAGE...", "Remove names, and images by digest", image_command_rm, NULL, NULL},
    {"verify", "image verify IMAGE...", "Read images whole: structure and digest",
     image_command_verify, NULL, NULL},
    {"gc", "image gc", "Remove images without a name", image_command_gc, NULL, NULL},
    {.name = NULL},
};

int image_parse(const struct option_def *table, int argc, char **argv, void *context, char **words,
                int max, int *count)
{
    char name[64];
    int rest;

    snprintf(name, sizeof(name), "image %s", argv[0]);
    for (*count = 0;; argc -= rest, argv += rest) {
        int code = options_parse(table, name, argc, argv, context, &rest);
        if (code || rest >= argc)
            return code;
        if (*count == max)
            return complain(argv[rest], "see bailey image --help", "one word too many");
        words[(*count)++] = argv[rest];
    }
}

int command_image(int argc, char **argv)
{
    if (argc < 2)
        return complain("image", "see bailey image --help", "it needs a command");
    for (const struct command *c = image_commands; c->name; c++) {
        if (strcmp(c->name, argv[1]) != 0)
            continue;
        if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
            help_print(c);
            return fflush(stdout) == 0 ? 0 : CLI_FAILED;
        }
        return c->run(argc - 1, argv + 1);
    }
    return complain(argv[1], "see bailey image --help", "no such command of image");
}
