/* Runs a program beside itself and writes the time to standard output each millisecond, eight
 * bytes of nanoseconds since 1970: where the two are stopped, the times have a gap.
 *
 * usage: beat PROGRAM [ARG...]
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    pid_t child;

    if (argc < 2)
        return 2;
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    while (kill(child, 0) == 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        if (write(STDOUT_FILENO, &ns, sizeof(ns)) != sizeof(ns))
            return 1;
        nanosleep(&pause, NULL);
    }
    return 0;
}
