/* A child is signalled the moment it exists, while the parent takes signals itself. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 1500

static volatile sig_atomic_t got;

static void handler(int sig) { got += sig == SIGUSR1; }

int main(void)
{
    int bad = 0;

    signal(SIGUSR1, handler);
    for (int i = 0; i < ROUNDS; i++) {
        int status;
        got = 0;
        pid_t pid = fork();
        if (pid == 0) {
            while (!got)
                getppid();
            _exit(7);
        }
        kill(pid, SIGUSR1);
        for (int k = 0; k < 20; k++)
            raise(SIGUSR1);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
            bad++;
    }
    printf("%d of %d went wrong\n", bad, ROUNDS);
    return bad != 0;
}
