/* System V objects, POSIX message queues and semaphores: what is in them, who is attached, what is
 * marked for removal, what is undone at an exit, who waits to be told. */
#define _GNU_SOURCE
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "saving.h"

struct message {
    long type;
    char text[32];
};

static volatile int told;
static void note(int sig, siginfo_t *info, void *context) { told = info->si_value.sival_int; }

/* A process that is attached to everything and ends when its pipe does. */
static pid_t other(int shm, int sem, char *kept, int *go)
{
    int ends[2], ready[2];
    char c;

    pipe(ends);
    pipe(ready);
    pid_t pid = fork();
    if (pid == 0) {
        struct sembuf up = {1, 5, SEM_UNDO};
        close(ends[1]);
        char *own = shmat(shm, NULL, 0);
        semop(sem, &up, 1);
        strcpy(own + 100, "from the other");
        write(ready[1], "x", 1);
        read(ends[0], &c, 1);
        strcpy(own + 200, "written later");
        _exit(strcmp(kept, "marked for removal") != 0);
    }
    read(ready[0], &c, 1);
    close(ends[0]);
    *go = ends[1];
    return pid;
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    struct mq_attr queue = {.mq_maxmsg = 5, .mq_msgsize = 32};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct message m = {0};
    struct shmid_ds info;
    struct msqid_ds messages;
    char name[32], other_name[32], text[32];
    unsigned priority;
    int go, status;

    sigaction(SIGUSR1, &a, NULL);
    key_t key = 0x51000000 + getpid();
    int shm = shmget(key, 10000, IPC_CREAT | 0640);
    char *memory = shmat(shm, NULL, 0);
    strcpy(memory, "shared");
    int removed = shmget(IPC_PRIVATE, 4096, 0600);
    char *kept = shmat(removed, NULL, 0);
    strcpy(kept, "marked for removal");
    shmctl(removed, IPC_RMID, NULL);
    int sem = semget(key, 3, IPC_CREAT | 0600);
    semctl(sem, 0, SETVAL, 7);
    int msg = msgget(key, IPC_CREAT | 0600);
    for (int i = 1; i <= 3; i++) {
        m.type = i;
        snprintf(m.text, sizeof(m.text), "message %d", i);
        msgsnd(msg, &m, sizeof(m.text), 0);
    }
    snprintf(name, sizeof(name), "/objects-%d", getpid());
    mqd_t mq = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &queue);
    mq_send(mq, "low", 4, 1);
    mq_send(mq, "high", 5, 9);
    snprintf(other_name, sizeof(other_name), "/objects-%d-empty", getpid());
    mqd_t empty = mq_open(other_name, O_RDWR | O_CREAT, 0600, &queue);
    mq_unlink(other_name);
    event.sigev_value.sival_int = 55;
    CHECK(mq_notify(empty, &event) == 0);
    sem_t *named = sem_open(name, O_CREAT, 0600, 2);
    sem_wait(named);
    int object = shm_open(name, O_RDWR | O_CREAT, 0600);
    ftruncate(object, 4096);
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
    strcpy(mapped, "posix");
    pid_t pid = other(shm, sem, kept, &go);

    save();

    CHECK(shmget(key, 0, 0) == shm && semget(key, 0, 0) == sem && msgget(key, 0) == msg);
    CHECK(strcmp(memory, "shared") == 0 && strcmp(memory + 100, "from the other") == 0);
    CHECK(shmctl(shm, IPC_STAT, &info) == 0 && info.shm_nattch == 3 && info.shm_segsz == 10000 &&
          info.shm_cpid == getpid() && (info.shm_perm.mode & 0777) == 0640);
    CHECK(strcmp(kept, "marked for removal") == 0);
    CHECK_ERR(shmctl(removed + 1000, IPC_STAT, &info), EINVAL);
    CHECK(semctl(sem, 0, GETVAL) == 7 && semctl(sem, 1, GETVAL) == 5 &&
          semctl(sem, 1, GETPID) == pid);
    CHECK(write(go, "x", 1) == 1 && waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(strcmp(memory + 200, "written later") == 0);
    CHECK(semctl(sem, 1, GETVAL) == 0); /* undone */
    CHECK(shmctl(shm, IPC_STAT, &info) == 0 && info.shm_nattch == 1);
    CHECK(shmdt(kept) == 0);
    CHECK(msgctl(msg, IPC_STAT, &messages) == 0 && messages.msg_qnum == 3 &&
          messages.msg_lspid == getpid());
    CHECK(msgrcv(msg, &m, sizeof(m.text), 2, IPC_NOWAIT) == sizeof(m.text) &&
          strcmp(m.text, "message 2") == 0);
    CHECK(msgrcv(msg, &m, sizeof(m.text), 0, IPC_NOWAIT) > 0 && strcmp(m.text, "message 1") == 0);
    CHECK(mq_receive(mq, text, 32, &priority) == 5 && strcmp(text, "high") == 0 && priority == 9);
    CHECK(mq_receive(mq, text, 32, &priority) == 4 && strcmp(text, "low") == 0);
    CHECK_ERR(mq_receive(mq, text, 32, NULL), EAGAIN);
    CHECK(told == 0 && mq_send(empty, "x", 2, 0) == 0 && told == 55);
    CHECK(sem_getvalue(named, &status) == 0 && status == 1);
    CHECK(strcmp(mapped, "posix") == 0);
    mapped[0] = 'P';
    CHECK(pread(object, text, 6, 0) == 6 && strcmp(text, "Posix") == 0);
    CHECK(mq_unlink(name) == 0 && sem_unlink(name) == 0 && shm_unlink(name) == 0);
    CHECK(shmctl(shm, IPC_RMID, NULL) == 0 && semctl(sem, 0, IPC_RMID) == 0 &&
          msgctl(msg, IPC_RMID, NULL) == 0);
    return check_result();
}
