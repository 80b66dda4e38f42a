# needs: cmake ninja gcc
# timeout: 120
mkdir src && cd src
printf 'cmake_minimum_required(VERSION 3.20)\nproject(p C)\nadd_library(l STATIC a.c b.c)\nadd_executable(e main.c)\ntarget_link_libraries(e l)\n' > CMakeLists.txt
echo 'int a(void){return 40;}' > a.c; echo 'int b(void){return 2;}' > b.c
echo '#include <stdio.h>
int a(void), b(void); int main(void){return !printf("%d", a()+b());}' > main.c
cmake -G Ninja -B build . > log 2>&1 || cat log; ninja -j1 -C build > log 2>&1 || cat log; ./build/e
