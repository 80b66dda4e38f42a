/* A fork bomb: every process forks as fast as it can.  Run with --pids N: at the limit
 * fork says EAGAIN, and once the bomb is dead everything works as before.
 * usage: bomb LIMIT SECONDS */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "stress.h"

struct score {
    long made, refused, other;
};
static struct score *score;

static void explode(void)
{
    for (;;) {
        pid_t pid = fork();
        if (pid > 0)
            __atomic_fetch_add(&score->made, 1, __ATOMIC_RELAXED);
        else if (pid < 0)
            __atomic_fetch_add(errno == EAGAIN ? &score->refused : &score->other, 1,
                               __ATOMIC_RELAXED);
        if (pid < 0)
            usleep(1000 + chance(2000));
        else if (pid == 0)
            chance_seed((uint64_t)getpid());
    }
}

/* Kills the group until nobody is left to fork again. */
static void defuse(pid_t group)
{
    for (;;) {
        kill(-group, SIGKILL);
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return;
        if (pid == 0)
            usleep(1000);
    }
}

/* As many at a time as the limit leaves room for; the next is refused. */
static int fill(int limit)
{
    int count = 0, fds[2];
    char c;

    NEED(pipe(fds) == 0);
    while (count <= limit) {
        pid_t pid = fork();
        if (pid < 0 && errno == EAGAIN)
            break;
        NEED(pid >= 0);
        if (pid == 0) {
            close(fds[1]);
            _exit(read(fds[0], &c, 1) != 0);
        }
        count++;
    }
    close(fds[1]);
    for (int i = 0; i < count; i++) {
        int status;
        NEED(wait(&status) > 0 && status == 0);
    }
    close(fds[0]);
    return count;
}

int main(int argc, char **argv)
{
    int limit = argc > 1 ? atoi(argv[1]) : 50, seconds = argc > 2 ? atoi(argv[2]) : 1, before,
        after;

    score = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(score != MAP_FAILED && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    before = fill(limit);
    pid_t bomb = fork();
    if (bomb == 0) {
        setpgid(0, 0);
        explode();
    }
    setpgid(bomb, bomb);
    for (long end = now_ms() + seconds * 1000L; now_ms() < end || !score->refused;)
        usleep(10000);
    defuse(bomb);
    after = fill(limit);
    printf("room for %d before, %d after\n", before, after);
    printf("refused with EAGAIN: %s, otherwise: %ld\n", score->refused ? "yes" : "no",
           score->other);
    return before != after || !score->refused || score->other || score->made < limit / 2;
}
