/* Many processes at once, each with something to say, all ended in order.
 * usage: crowd COUNT */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "stress.h"

static void member(int number, int gate, int answers, volatile int *shared)
{
    char c;

    __atomic_fetch_add(shared, 1, __ATOMIC_SEQ_CST);
    if (read(gate, &c, 1) != 0)
        _exit(100);
    if (write(answers, &number, sizeof(number)) != sizeof(number))
        _exit(101);
    _exit(number % 50);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 2000, gate[2], answers[2], bad = 0;
    volatile int *shared = mmap(NULL, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t *pids = calloc((size_t)count, sizeof(*pids));
    long sum = 0;

    NEED(pipe(gate) == 0 && pipe(answers) == 0);
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        NEED(pids[i] >= 0);
        if (pids[i] == 0) {
            close(gate[1]);
            member(i, gate[0], answers[1], shared);
        }
    }
    while (*shared < count)
        usleep(1000);
    printf("%d at once\n", *shared);
    for (int i = 0; i < count; i++)
        NEED(kill(pids[i], 0) == 0);
    close(gate[1]);
    for (int i = 0; i < count; i++) {
        int number;
        NEED(read(answers[0], &number, sizeof(number)) == sizeof(number));
        sum += number;
    }
    for (int i = 0; i < count; i++) {
        int status;
        NEED(waitpid(pids[i], &status, 0) == pids[i]);
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != i % 50;
    }
    printf("sum %ld, %d ended wrongly\n", sum, bad);
    return bad != 0 || sum != (long)count * (count - 1) / 2;
}
