/* System V semaphores: values, several operations at once, waiting, timeouts, signals,
 * removal under sleepers, SEM_UNDO, permissions. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

union arg {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int control(int id, int num, int cmd, int val)
{
    return semctl(id, num, cmd, (union arg){.val = val});
}

static int value(int id, int num) { return semctl(id, num, GETVAL); }

static int operate(int id, int num, int op, int flags)
{
    struct sembuf b = {
        .sem_num = (unsigned short)num, .sem_op = (short)op, .sem_flg = (short)flags};

    return semop(id, &b, 1);
}

static void pause_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

static void await_sleepers(int id, int num, int cmd, int n)
{
    for (int i = 0; i < 5000 && semctl(id, num, cmd) != n; i++)
        pause_ms(1);
    CHECK(semctl(id, num, cmd) == n);
}

static int wait_child(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void sets(void)
{
    key_t key = 0x5e700000 + (getpid() & 0xffff);
    unsigned short all[3] = {1, 2, 3}, got[3] = {0}, bad[3] = {0, 40000, 0};
    struct semid_ds ds;
    struct seminfo info;
    int id;

    CHECK_ERR(semget(key, 3, 0600), ENOENT);
    CHECK_ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
    CHECK_ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
    id = semget(key, 3, IPC_CREAT | 0600);
    CHECK(id >= 0 && semget(key, 0, 0) == id && semget(key, 2, 0600) == id);
    CHECK_ERR(semget(key, 4, 0600), EINVAL);
    CHECK_ERR(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK(semctl(id, 0, SETALL, (union arg){.array = all}) == 0);
    CHECK(semctl(id, 0, GETALL, (union arg){.array = got}) == 0);
    CHECK(!memcmp(all, got, sizeof(all)) && value(id, 1) == 2);
    CHECK_ERR(semctl(id, 0, SETALL, (union arg){.array = bad}), ERANGE);
    CHECK(control(id, 1, SETVAL, 32767) == 0);
    CHECK_ERR(control(id, 1, SETVAL, 32768), ERANGE);
    CHECK_ERR(control(id, 1, SETVAL, -1), ERANGE);
    CHECK_ERR(control(id, 3, SETVAL, 0), EINVAL);
    CHECK_ERR(semctl(id, -1, GETVAL), EINVAL);
    CHECK_ERR(operate(id, 1, 1, 0), ERANGE);
    CHECK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}) == 0);
    CHECK(ds.sem_nsems == 3 && ds.sem_otime == 0 && ds.sem_ctime);
    CHECK((ds.sem_perm.mode & 0777) == 0600);
    CHECK(operate(id, 0, -1, 0) == 0 && semctl(id, 0, GETPID) == getpid());
    CHECK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}) == 0 && ds.sem_otime);
    CHECK(semctl(0, 0, IPC_INFO, (union arg){.info = &info}) >= 0);
    CHECK(info.semmsl == 32000 && info.semopm == 500 && info.semvmx == 32767);
    CHECK(semctl(0, 0, SEM_INFO, (union arg){.info = &info}) >= 0);
    CHECK(info.semusz >= 1 && info.semaem >= 3);
    ds.sem_perm.mode = 0640;
    CHECK(semctl(id, 0, IPC_SET, (union arg){.buf = &ds}) == 0);
    CHECK(semctl(id, 0, IPC_STAT, (union arg){.buf = &ds}) == 0);
    CHECK((ds.sem_perm.mode & 0777) == 0640);
    CHECK_ERR(semctl(id, 0, 99), EINVAL);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    CHECK_ERR(semctl(id, 0, IPC_RMID), EINVAL);
    CHECK_ERR(operate(id, 0, 1, 0), EINVAL);
}

static void several(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    struct sembuf both[2] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    struct sembuf zero_then_up[2] = {{0, 0, 0}, {0, 1, 0}};
    struct sembuf many[501] = {{0}};
    struct timespec soon = {0, 20000000}, bad = {0, -1};

    CHECK(control(id, 0, SETVAL, 1) == 0);
    CHECK_ERR(semop(id, both, 2), EAGAIN);
    CHECK(value(id, 0) == 1 && value(id, 1) == 0);
    CHECK(operate(id, 1, 1, 0) == 0 && semop(id, both, 2) == 0);
    CHECK(value(id, 0) == 0 && value(id, 1) == 0);
    CHECK(semop(id, zero_then_up, 2) == 0 && value(id, 0) == 1);
    CHECK_ERR(semop(id, both, 0), EINVAL);
    CHECK_ERR(semop(id, many, 501), E2BIG);
    CHECK(control(id, 0, SETVAL, 0) == 0 && semop(id, many, 500) == 0);
    CHECK_ERR(operate(id, 2, 1, 0), EFBIG);
    CHECK_ERR(semop(id, (void *)8, 1), EFAULT);
    CHECK_ERR(semop(-1, both, 1), EINVAL);
    both[0].sem_flg = 0;
    CHECK_ERR(semtimedop(id, both, 1, &soon), EAGAIN);
    CHECK_ERR(semtimedop(id, both, 1, &bad), EINVAL);
    CHECK_ERR(semtimedop(id, both, 1, (void *)8), EFAULT);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void waiting(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    struct sembuf both[2] = {{0, -2, 0}, {1, -1, 0}};
    pid_t a, b;

    a = fork();
    if (!a)
        _exit(semop(id, both, 2) ? errno : 0);
    await_sleepers(id, 0, GETNCNT, 1);
    CHECK(operate(id, 0, 2, 0) == 0);
    await_sleepers(id, 1, GETNCNT, 1); /* now for the other one, having taken nothing */
    CHECK(value(id, 0) == 2 && semctl(id, 0, GETNCNT) == 0);
    CHECK(operate(id, 1, 1, 0) == 0);
    CHECK(value(id, 0) == 0 && value(id, 1) == 0);
    CHECK(semctl(id, 0, GETPID) == a);
    CHECK(wait_child(a) == 0);
    CHECK(operate(id, 0, 1, 0) == 0);
    a = fork();
    if (!a)
        _exit(operate(id, 0, 0, 0) ? errno : 0);
    await_sleepers(id, 0, GETZCNT, 1);
    CHECK(operate(id, 0, -1, 0) == 0);
    CHECK(wait_child(a) == 0);
    a = fork();
    if (!a)
        _exit(operate(id, 0, -3, 0) ? errno : 0);
    b = fork();
    if (!b)
        _exit(operate(id, 1, -1, 0) ? errno : 0);
    await_sleepers(id, 0, GETNCNT, 1);
    await_sleepers(id, 1, GETNCNT, 1);
    CHECK(control(id, 0, SETVAL, 3) == 0);
    CHECK(wait_child(a) == 0);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    CHECK(wait_child(b) == EIDRM);
}

static volatile int handled;

static void on_signal(int sig) { handled = sig; }

/* Never restarted after a handler. */
static void interrupted(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int id = semget(IPC_PRIVATE, 1, 0600);
    pid_t pid = fork();

    if (!pid) {
        sigaction(SIGUSR1, &sa, NULL);
        operate(id, 0, 1, 0);
        operate(id, 0, 0, 0);
        errno = 0;
        _exit(operate(id, 0, -1, 0) == -1 && errno == EINTR && handled == SIGUSR1 ? 0 : 1);
    }
    CHECK(operate(id, 0, -1, 0) == 0);
    await_sleepers(id, 0, GETNCNT, 1);
    kill(pid, SIGUSR1);
    CHECK(wait_child(pid) == 0);
    CHECK(semctl(id, 0, GETNCNT) == 0);
    pid = fork();
    if (!pid)
        _exit(operate(id, 0, -1, 0) == -1 ? errno : 0);
    await_sleepers(id, 0, GETNCNT, 1);
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, NULL, WUNTRACED) == pid);
    kill(pid, SIGCONT);
    CHECK(wait_child(pid) == EINTR); /* semop is one of the calls a stop ends */
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

/* Another thread's fork doesn't show. */
static void *sleeper(void *arg) { return (void *)(long)operate(*(int *)arg, 0, -1, 0); }

static void fork_beside(void)
{
    int id = semget(IPC_PRIVATE, 1, 0600);
    pthread_t t;
    void *result;

    CHECK(pthread_create(&t, NULL, sleeper, &id) == 0);
    await_sleepers(id, 0, GETNCNT, 1);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        CHECK(wait_child(pid) == 0);
    }
    CHECK(operate(id, 0, 1, 0) == 0);
    CHECK(pthread_join(t, &result) == 0 && result == NULL);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void undo(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    pid_t pid;

    CHECK(control(id, 0, SETVAL, 5) == 0);
    pid = fork();
    if (!pid) {
        operate(id, 0, -2, SEM_UNDO);
        operate(id, 1, 3, SEM_UNDO);
        operate(id, 1, 1, 0);
        _exit(value(id, 0) == 3 && value(id, 1) == 4 ? 0 : 1);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(value(id, 0) == 5 && value(id, 1) == 1);
    pid = fork();
    if (!pid) { /* exec keeps it, SETVAL forgets it, a child doesn't inherit it */
        pid_t child;

        operate(id, 0, -2, SEM_UNDO);
        operate(id, 1, -1, SEM_UNDO);
        control(id, 1, SETVAL, 7);
        child = fork();
        if (!child)
            _exit(0);
        waitpid(child, NULL, 0);
        if (value(id, 0) != 3)
            _exit(1);
        execl("/bin/true", "true", NULL);
        _exit(2);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(value(id, 0) == 5 && value(id, 1) == 7);
    pid = fork();
    if (!pid) { /* killed with a lock held: whoever waits gets it */
        operate(id, 0, -5, SEM_UNDO);
        control(id, 1, SETVAL, 0);
        for (;;)
            pause();
    }
    CHECK(operate(id, 1, 0, 0) == 0);
    kill(pid, SIGKILL);
    CHECK(operate(id, 0, -5, 0) == 0);
    CHECK(wait_child(pid) == -1);
    CHECK(control(id, 0, SETVAL, 0) == 0);
    CHECK_ERR(operate(id, 0, -1, SEM_UNDO | IPC_NOWAIT), EAGAIN);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

/* A lock between processes. */
static void contended(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    pid_t pid[4];

    CHECK(control(id, 0, SETVAL, 1) == 0);
    for (int i = 0; i < 4; i++) {
        pid[i] = fork();
        if (!pid[i]) {
            for (int n = 0; n < 200; n++) {
                int v;

                if (operate(id, 0, -1, SEM_UNDO))
                    _exit(1);
                v = value(id, 1);
                control(id, 1, SETVAL, v + 1);
                if (operate(id, 0, 1, SEM_UNDO))
                    _exit(2);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        CHECK(wait_child(pid[i]) == 0);
    CHECK(value(id, 0) == 1 && value(id, 1) == 800);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void permissions(void)
{
    int id;
    pid_t pid;

    if (geteuid())
        return;
    id = semget(IPC_PRIVATE, 1, 0604);
    pid = fork();
    if (!pid) {
        CHECK(setgid(12345) == 0 && setuid(12345) == 0);
        CHECK(value(id, 0) == 0 && operate(id, 0, 0, 0) == 0);
        CHECK_ERR(operate(id, 0, 1, 0), EACCES);
        CHECK_ERR(control(id, 0, SETVAL, 1), EACCES);
        CHECK_ERR(semctl(id, 0, IPC_RMID), EPERM);
        _exit(check_failures != 0);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

int main(void)
{
    sets();
    several();
    waiting();
    interrupted();
    fork_beside();
    undo();
    contended();
    permissions();
    return check_result();
}
