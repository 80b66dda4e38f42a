# needs: valgrind cc
# timeout: 120
# It translates what others run, the C library among it, after others have run here.
for _ in 1 2 3 4 5; do /bin/true; done
cat > leak.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *run(void *p) { return malloc(100 + (p != 0)); }
int main(void)
{
    pthread_t t;
    void *kept;
    char *c = malloc(10);
    pthread_create(&t, 0, run, c);
    pthread_join(t, &kept);
    free(c);
    if (write(1, "x\n", 2) != 2)
        return 1;
    return c[3] == 77;
}
END
cc -g -pthread -o leak leak.c
valgrind -q --leak-check=full --error-exitcode=7 ./leak 2>&1 | sed 's/==[0-9]*==/==/; s/0x[0-9A-F]*/ADDRESS/g' | grep -E 'Invalid|main|definitely|^x'
valgrind -q --error-exitcode=7 /bin/true; echo $?
valgrind -q --error-exitcode=7 /bin/sh -c 'echo $((6 * 7))'; echo $?
valgrind --tool=none -q /bin/ls /usr/share/common-licenses | head -3
