/* The smallest ordinary program: output, arguments, environment, exit code. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    printf("hello from %s, %d\n", argv[0], argc);
    fprintf(stderr, "HOME is %s\n", getenv("HOME"));
    return 0;
}
