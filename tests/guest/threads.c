/* Threads, mutexes, condition variables, thread-local data, joining. */
#include <pthread.h>
#include <stdio.h>

#define THREADS 8
#define ROUNDS  10000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static long counter;
static int next;
static __thread long mine;

static void *work(void *arg)
{
    long me = (long)arg;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        mine++;
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    while (next != me)
        pthread_cond_wait(&turn, &mutex);
    printf("thread %ld counted %ld\n", me, mine);
    next++;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&mutex);
    return (void *)(me * me);
}

int main(void)
{
    pthread_t t[THREADS];
    long sum = 0;

    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(t[i], &result);
        sum += (long)result;
    }
    printf("%ld %ld\n", counter, sum);
    return counter == THREADS * ROUNDS ? 0 : 1;
}
