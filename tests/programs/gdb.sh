# needs: gdb gcc
# timeout: 120
# passes: yes
# gdb: breakpoints, steps, stacks, variables, a call in the program, a watchpoint in software.
cat >p.c <<'END'
#include <stdio.h>
static int total;
static int twice(int a) { return a * 2; }
int main(void)
{
    for (int i = 0; i < 3; i++)
        total += twice(i);
    printf("total %d\n", total);
    fflush(stdout);
    return 7;
}
END
gcc -g -O0 -o p p.c
gdb -nx -batch -iex 'set disable-randomization off' -iex 'set debuginfod enabled off' \
    -ex 'break twice if a == 2' -ex 'run' -ex 'bt' -ex 'print twice(21)' -ex 'set var total = 100' \
    -ex 'delete' -ex 'finish' -ex 'next' -ex 'stepi' -ex 'info line' -ex 'print total' \
    -ex 'x/2i $pc' -ex 'continue' ./p 2>&1 | sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/process [0-9]+/process N/'
