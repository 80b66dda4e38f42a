/* mq_notify with SIGEV_THREAD: the C library's helper thread hears of a message through a
 * socket, once for each registration, and nothing after the registration is taken back. */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile int told, value;
static pthread_t self;

static void on_message(union sigval v)
{
    CHECK(!pthread_equal(pthread_self(), self));
    value = v.sival_int;
    __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static int wait_for(int n)
{
    for (int i = 0; told < n && i < 60000; i++)
        usleep(1000);
    return told == n;
}

int main(void)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 16};
    struct sigevent e = {.sigev_notify = SIGEV_THREAD};
    char name[64], text[16];
    mqd_t q;

    self = pthread_self();
    snprintf(name, sizeof(name), "/mq_thread.%d", getpid());
    q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
    CHECK(q >= 0);
    e.sigev_notify_function = on_message;
    for (int i = 1; i <= 5; i++) {
        e.sigev_value.sival_int = i * 11;
        CHECK(mq_notify(q, &e) == 0);
        CHECK_ERR(mq_notify(q, &e), EBUSY);
        if (i % 2) {
            CHECK(mq_send(q, "own", 3, 0) == 0);
        } else if (fork() == 0) {
            _exit(mq_send(q, "child", 5, 0));
        } else {
            int status;
            wait(&status);
            CHECK(status == 0);
        }
        CHECK(wait_for(i) && value == i * 11);
        CHECK(mq_receive(q, text, sizeof(text), NULL) >= 3);
    }
    CHECK(mq_notify(q, &e) == 0 && mq_notify(q, NULL) == 0);
    CHECK(mq_send(q, "x", 1, 0) == 0);
    usleep(20000);
    CHECK(told == 5);
    CHECK(mq_close(q) == 0 && mq_unlink(name) == 0);
    return check_result();
}
