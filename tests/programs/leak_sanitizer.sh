# needs: gcc
# timeout: 120
# passes: yes
# LeakSanitizer: a second process in the same memory traces all threads of the first.
cat >leak.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *wait_for_ever(void *arg)
{
    pause();
    return arg;
}
int main(void)
{
    pthread_t thread;
    char *volatile p = malloc(77);
    pthread_create(&thread, NULL, wait_for_ever, NULL);
    memset(p, 1, 77);
    p = NULL;
    return 0;
}
END
gcc -g -fsanitize=leak -pthread -o leak leak.c || exit 0 # no runtime for it here
./leak >out 2>&1
echo "ended with $?"
grep -E 'ERROR|SUMMARY|Direct' out | sed -E 's/==[0-9]+==//'
