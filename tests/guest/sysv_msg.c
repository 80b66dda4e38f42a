/* System V message queues: order and types, sizes, waiting on both ends, signals, removal
 * under sleepers, limits, permissions. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "check.h"

struct message {
    long type;
    char text[9000];
};

static int send_text(int id, long type, const char *text, int flags)
{
    static struct message m;

    m.type = type;
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text) + 1, flags);
}

static const char *receive(int id, long type, int flags)
{
    static struct message m;
    ssize_t n = msgrcv(id, &m, sizeof(m.text), type, flags);

    return n < 0 ? NULL : m.text;
}

static int is(const char *text, const char *expected) { return text && !strcmp(text, expected); }

static int wait_child(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void order(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct message m;
    struct msqid_ds ds;

    CHECK(send_text(id, 3, "three", 0) == 0 && send_text(id, 1, "one", 0) == 0);
    CHECK(send_text(id, 2, "two", 0) == 0 && send_text(id, 1, "one more", 0) == 0);
    CHECK(msgctl(id, IPC_STAT, &ds) == 0);
    CHECK(ds.msg_qnum == 4 && ds.__msg_cbytes == 6 + 4 + 4 + 9 && ds.msg_lspid == getpid());
    CHECK(ds.msg_stime && !ds.msg_rtime && ds.msg_lrpid == 0 && ds.msg_qbytes == 16384);
    CHECK(is(receive(id, 2, 0), "two"));
    CHECK(is(receive(id, -2, 0), "one"));
    CHECK(is(receive(id, 3, MSG_EXCEPT), "one more"));
    CHECK(send_text(id, 1, "last", 0) == 0);
    CHECK_ERR(msgrcv(id, &m, 3, 0, 0), E2BIG);
    CHECK(msgrcv(id, &m, 3, 0, MSG_NOERROR) == 3 && !memcmp(m.text, "thr", 3) && m.type == 3);
    CHECK_ERR(msgrcv(id, &m, 100, 5, IPC_NOWAIT), ENOMSG);
    CHECK_ERR(msgrcv(id, &m, 100, 1, IPC_NOWAIT | MSG_EXCEPT), ENOMSG);
    CHECK(is(receive(id, 0, 0), "last"));
    CHECK_ERR(msgrcv(id, &m, 100, 0, IPC_NOWAIT), ENOMSG);
    m.type = 7;
    CHECK(msgsnd(id, &m, 0, 0) == 0 && msgrcv(id, &m, 0, -8, 0) == 0 && m.type == 7);
    CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_rtime && ds.msg_lrpid == getpid());
    CHECK(ds.msg_qnum == 0 && ds.__msg_cbytes == 0);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

static void errors(void)
{
    key_t key = 0x5e800000 + (getpid() & 0xffff);
    struct message m = {.type = 0};
    struct msqid_ds ds;
    int id;

    CHECK_ERR(msgget(key, 0600), ENOENT);
    id = msgget(key, IPC_CREAT | 0600);
    CHECK(id >= 0 && msgget(key, 0) == id);
    CHECK_ERR(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_ERR(msgsnd(id, &m, 1, 0), EINVAL);
    m.type = 1;
    CHECK_ERR(msgsnd(id, &m, 8193, 0), EINVAL);
    CHECK_ERR(msgsnd(id, &m, -1, 0), EINVAL);
    CHECK_ERR(msgsnd(-1, &m, 1, 0), EINVAL);
    CHECK_ERR(msgsnd(id, (void *)8, 1, 0), EFAULT);
    CHECK_ERR(msgrcv(id, &m, -1, 0, 0), EINVAL);
    CHECK_ERR(msgrcv(id, &m, 1, 0, 040000 /* MSG_COPY */), EINVAL);
    CHECK_ERR(msgrcv(id, &m, 1, 0, 040000 | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
    CHECK(msgsnd(id, &m, 8192, 0) == 0 && msgsnd(id, &m, 8192, 0) == 0);
    CHECK_ERR(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
    CHECK(msgsnd(id, &m, 0, IPC_NOWAIT) == 0);
    CHECK_ERR(msgrcv(id, (void *)8, 8192, 0, 0), EFAULT); /* and the message is gone */
    CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 2);
    ds.msg_qbytes = 100;
    ds.msg_perm.mode = 0640;
    CHECK(msgctl(id, IPC_SET, &ds) == 0 && msgctl(id, IPC_STAT, &ds) == 0);
    CHECK(ds.msg_qbytes == 100 && (ds.msg_perm.mode & 0777) == 0640);
    CHECK_ERR(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
    CHECK_ERR(msgctl(id, 99, &ds), EINVAL);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERR(msgctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERR(msgrcv(id, &m, 1, 0, 0), EINVAL);
}

static void waiting(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    struct message m = {.type = 1};
    pid_t pid = fork();

    if (!pid)
        _exit(is(receive(id, 5, 0), "for you") ? 0 : 1);
    let_sleep(pid);
    CHECK(send_text(id, 4, "not for you", 0) == 0 && send_text(id, 5, "for you", 0) == 0);
    CHECK(wait_child(pid) == 0);
    CHECK(is(receive(id, 0, 0), "not for you"));
    CHECK(msgsnd(id, &m, 8192, 0) == 0 && msgsnd(id, &m, 8192, 0) == 0);
    pid = fork();
    if (!pid)
        _exit(send_text(id, 2, "squeezed in", 0) ? 1 : 0);
    let_sleep(pid);
    CHECK(msgrcv(id, &m, 8192, 0, 0) == 8192);
    CHECK(wait_child(pid) == 0);
    CHECK(msgrcv(id, &m, 8192, 0, 0) == 8192);
    CHECK(is(receive(id, 2, 0), "squeezed in"));
    pid = fork();
    if (!pid)
        _exit(receive(id, 0, 0) ? 0 : errno);
    let_sleep(pid);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    CHECK(wait_child(pid) == EIDRM);
}

static void on_signal(int sig) { (void)sig; }

static void interrupted(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int id = msgget(IPC_PRIVATE, 0600);
    pid_t pid;

    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    pid = fork();
    if (!pid)
        _exit(receive(id, 0, 0) ? 0 : errno);
    let_sleep(pid);
    kill(pid, SIGUSR1);
    CHECK(wait_child(pid) == EINTR);
    signal(SIGUSR1, SIG_DFL);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

/* Several on both ends: nothing is lost, nothing comes twice. */
static void crowded(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    int next[5] = {0};
    pid_t pid[4];
    long sum = 0;

    for (int i = 0; i < 4; i++) {
        pid[i] = fork();
        if (!pid[i]) {
            struct message m = {.type = i + 1};

            for (int n = 0; n < 300; n++) {
                memcpy(m.text, &n, sizeof(n));
                if (msgsnd(id, &m, 200, 0))
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int n = 0; n < 1200; n++) {
        struct message m;
        int v;

        CHECK(msgrcv(id, &m, 200, 0, 0) == 200);
        memcpy(&v, m.text, sizeof(v));
        CHECK(v == next[m.type]++); /* in order from each of them */
        sum += v;
    }
    CHECK(sum == 4L * 299 * 300 / 2);
    for (int i = 0; i < 4; i++)
        CHECK(wait_child(pid[i]) == 0);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

static void information(void)
{
    int id = msgget(IPC_PRIVATE, 0600), last, found = 0;
    struct msginfo info;
    struct msqid_ds ds;

    CHECK(msgctl(0, IPC_INFO, (struct msqid_ds *)&info) >= 0);
    CHECK(info.msgmax == 8192 && info.msgmnb == 16384);
    CHECK(send_text(id, 1, "x", 0) == 0);
    last = msgctl(0, MSG_INFO, (struct msqid_ds *)&info);
    CHECK(last >= 0 && info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 2);
    for (int i = 0; i <= last; i++)
        found += msgctl(i, MSG_STAT, &ds) == id;
    CHECK(found == 1);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

static void permissions(void)
{
    struct message m = {.type = 1};
    int id;
    pid_t pid;

    if (geteuid())
        return;
    id = msgget(IPC_PRIVATE, 0602);
    pid = fork();
    if (!pid) {
        CHECK(setgid(12345) == 0 && setuid(12345) == 0);
        CHECK(msgsnd(id, &m, 1, 0) == 0);
        CHECK_ERR(msgrcv(id, &m, 1, 0, IPC_NOWAIT), EACCES);
        CHECK_ERR(msgctl(id, IPC_RMID, NULL), EPERM);
        _exit(check_failures != 0);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

int main(void)
{
    order();
    errors();
    waiting();
    interrupted();
    crowded();
    information();
    permissions();
    return check_result();
}
