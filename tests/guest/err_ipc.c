/* System V objects and message queues that may not be used by everyone, names of queues that can't
 * be, and calls on queues when a signal comes first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "ticking.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)
#define NOBODY          65534

static char buf[8192];
static union {
    struct shmid_ds shm;
    struct semid_ds sem;
    struct msqid_ds msg;
    unsigned short values[4];
} ds;

/* Objects that allow nobody anything. */
static void closed(int shm, int sem, int msg, key_t key)
{
    struct sembuf look = {0, 0, 0}, add = {0, 1, 0};
    struct timespec ts = {0, 0};
    struct {
        long type;
        char text[4];
    } m = {1, "abc"};

    CHECK_ERR(CALL(shmget, key, 4096, 0600), EACCES);
    CHECK_ERR(CALL(semget, key, 1, 0600), EACCES);
    CHECK_ERR(CALL(msgget, key, 0600), EACCES);
    CHECK(CALL(shmget, key, 4096, 0) == shm && CALL(semget, key, 1, 0) == sem);
    CHECK_ERR(CALL(shmat, shm, NULL, 0), EACCES);
    CHECK_ERR(CALL(shmat, shm, NULL, SHM_RDONLY), EACCES);
    CHECK_ERR(CALL(shmctl, shm, IPC_STAT, &ds), EACCES);
    CHECK_ERR(CALL(semctl, sem, 0, IPC_STAT, &ds), EACCES);
    CHECK_ERR(CALL(semctl, sem, 0, GETVAL), EACCES);
    CHECK_ERR(CALL(semctl, sem, 0, GETALL, ds.values), EACCES);
    CHECK_ERR(CALL(semctl, sem, 0, SETVAL, 1), EACCES);
    CHECK_ERR(CALL(semctl, sem, 0, GETPID), EACCES);
    CHECK_ERR(CALL(semop, sem, &look, 1), EACCES);
    CHECK_ERR(CALL(semop, sem, &add, 1), EACCES);
    CHECK_ERR(CALL(semtimedop, sem, &add, 1, &ts), EACCES);
    CHECK_ERR(CALL(msgctl, msg, IPC_STAT, &ds), EACCES);
    CHECK_ERR(CALL(msgsnd, msg, &m, 4, 0), EACCES);
    CHECK_ERR(CALL(msgrcv, msg, &m, 4, 0, IPC_NOWAIT), EACCES);
}

/* Another's: not even to remove. */
static void anothers(int shm, int sem, int msg)
{
    CHECK_ERR(CALL(shmctl, shm, IPC_RMID, NULL), EPERM);
    CHECK_ERR(CALL(shmctl, shm, IPC_SET, &ds), EPERM);
    CHECK_ERR(CALL(shmctl, shm, SHM_LOCK, NULL), EPERM);
    CHECK_ERR(CALL(semctl, sem, 0, IPC_RMID), EPERM);
    CHECK_ERR(CALL(semctl, sem, 0, IPC_SET, &ds), EPERM);
    CHECK_ERR(CALL(msgctl, msg, IPC_RMID, NULL), EPERM);
    CHECK_ERR(CALL(msgctl, msg, IPC_SET, &ds), EPERM);
}

static void rights(void)
{
    key_t key = 0x5eed0000 + getpid();
    int shm = shmget(key, 4096, IPC_CREAT | IPC_EXCL), sem = semget(key, 1, IPC_CREAT | IPC_EXCL);
    int msg = msgget(key, IPC_CREAT | IPC_EXCL), status;

    CHECK(shm >= 0 && sem >= 0 && msg >= 0);
    if (fork() == 0) {
        int root = !geteuid();

        if (root)
            CHECK(setgroups(0, NULL) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
        closed(shm, sem, msg, key);
        if (root)
            anothers(shm, sem, msg);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    CHECK(shmctl(shm, IPC_RMID, NULL) == 0 && semctl(sem, 0, IPC_RMID) == 0);
    CHECK(msgctl(msg, IPC_RMID, NULL) == 0);
    CHECK_ERR(CALL(shmctl, shm, IPC_STAT, &ds), EINVAL);
    CHECK_ERR(CALL(msgctl, msg, IPC_STAT, &ds), EINVAL);
    CHECK_ERR(CALL(semctl, sem, 0, IPC_STAT, &ds), EINVAL);
}

/* Shared memory where there is no room for its addresses. */
static void no_addresses(void)
{
    struct rlimit room = {1 << 26, 1 << 26};
    int id = shmget(IPC_PRIVATE, 1 << 27, 0600), status;

    if (fork() == 0) {
        CHECK(setrlimit(RLIMIT_AS, &room) == 0);
        CHECK_ERR(CALL(shmat, id, NULL, 0), ENOMEM);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static void queue_names(const char *name)
{
    struct mq_attr none = {.mq_maxmsg = 0, .mq_msgsize = 8}, empty = {.mq_maxmsg = 1},
                   large = {.mq_maxmsg = 1 << 30, .mq_msgsize = 1 << 30};
    int q = (int)CALL(mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);

    CHECK(q >= 0);
    CHECK_ERR(CALL(mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
    CHECK_ERR(CALL(mq_open, "new", O_CREAT | O_RDWR, 0600, &none), EINVAL);
    CHECK_ERR(CALL(mq_open, "new", O_CREAT | O_RDWR, 0600, &empty), EINVAL);
    CHECK_ERR(CALL(mq_open, "new", O_CREAT | O_RDWR, 0600, &large), EINVAL);
    CHECK_ERR(CALL(mq_open, "new", O_CREAT | O_RDWR, 0600, BAD), EFAULT);
    CHECK_ERR(CALL(mq_open, BAD, O_RDWR, 0, NULL), EFAULT);
    CHECK_ERR(CALL(mq_open, "", O_CREAT | O_RDWR, 0600, NULL), ENOENT);
    CHECK_ERR(CALL(mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
    memset(buf, 'n', 300);
    buf[300] = 0;
    CHECK_ERR(CALL(mq_open, buf, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
    CHECK_ERR(CALL(mq_unlink, buf), ENAMETOOLONG);
    memset(buf, 'n', 5000);
    buf[5000] = 0;
    CHECK_ERR(CALL(mq_open, buf, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
    CHECK_ERR(CALL(mq_unlink, buf), ENAMETOOLONG);
    CHECK_ERR(CALL(mq_unlink, BAD), EFAULT);
    close(q);
}

static void queue_calls(const char *name)
{
    struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = 8};
    struct timespec bad = {0, -1};
    struct sigevent odd = {.sigev_notify = 99};
    int q, file = open("/dev/null", O_RDWR);

    CHECK(CALL(mq_unlink, name) == 0);
    q = (int)CALL(mq_open, name, O_CREAT | O_RDWR, 0600, &one);
    CHECK_ERR(CALL(mq_timedreceive, file, buf, 8, NULL, NULL), EBADF);
    CHECK_ERR(CALL(mq_timedreceive, 50, buf, 8, NULL, NULL), EBADF);
    CHECK_ERR(CALL(mq_timedsend, file, buf, 8, 0, NULL), EBADF);
    CHECK_ERR(CALL(mq_timedsend, q, BAD, 8, 0, NULL), EFAULT);
    CHECK_ERR(CALL(mq_timedsend, q, buf, 8, 32768, NULL), EINVAL);
    CHECK_ERR(CALL(mq_timedsend, q, buf, 8, 0, BAD), EFAULT);
    CHECK_ERR(CALL(mq_timedsend, q, buf, 8, 0, &bad), EINVAL);
    CHECK_ERR(CALL(mq_notify, q, BAD), EFAULT);
    CHECK_ERR(CALL(mq_notify, q, &odd), EINVAL);
    CHECK_ERR(CALL(mq_notify, file, NULL), EBADF);
    CHECK_ERR(CALL(mq_getsetattr, file, NULL, NULL), EBADF);
    CHECK_ERR(CALL(mq_getsetattr, q, NULL, BAD), EFAULT);
    ticking(1);
    CHECK_ERR(CALL(mq_timedreceive, q, buf, 8, NULL, NULL), EINTR);
    CHECK(CALL(mq_timedsend, q, "x", 1, 0, NULL) == 0);
    CHECK_ERR(CALL(mq_timedsend, q, "x", 1, 0, NULL), EINTR);
    ticking(0);
    CHECK(CALL(mq_unlink, name) == 0);
    CHECK_ERR(CALL(mq_unlink, name), ENOENT);
    close(q);
    close(file);
}

int main(void)
{
    char name[32];

    snprintf(name, sizeof(name), "err_ipc.%d", getpid());
    rights();
    no_addresses();
    queue_names(name);
    queue_calls(name);
    return check_result();
}
