# needs: gcc make
# timeout: 240
# A project of 120 files, built in parallel: objects are the same as native ones.
i=1; while [ $i -le 120 ]; do
    echo "#include <stdio.h>
#include <string.h>
int f$i(int x) { char b[64]; snprintf(b, sizeof b, \"%d\", x * $i); return (int)strlen(b) + x; }" > f$i.c
    i=$((i+1)); done
{ echo '#include <stdio.h>'; seq 1 120 | sed 's/.*/int f&(int);/'; echo 'int main(void) { int s = 0;'; seq 1 120 | sed 's/.*/s += f&(&);/'; echo 'return !printf("%d", s); }'; } > main.c
printf 'OBJ := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprog: $(OBJ)\n\t$(CC) -o $@ $^\n%%.o: %%.c\n\t$(CC) -O2 -c -o $@ $<\n' > Makefile
make -j2 -s && ./prog && cat *.o | md5sum
