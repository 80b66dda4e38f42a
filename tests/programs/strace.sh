# needs: strace
# passes: yes
# strace: calls with their results, children, signals, counts.
numbers() { sed -E 's/\[pid +[0-9]+\] //; s/(pid|PID)=[0-9]+/\1=N/g; s/Process [0-9]+/Process N/; s/^[0-9]+ +//; s/ +=/ =/'; }
strace -qq -e trace=write,exit_group sh -c 'echo one; exit 3' 2>&1 | numbers
strace -f -qq -e trace=write,exit_group sh -c '(echo two; exit 4); echo $?' 2>&1 | numbers
strace -qq -e trace=kill,tgkill -e signal=usr1 sh -c 'trap "echo caught" USR1; kill -USR1 $$; :' 2>&1 |
    sed -E 's/[0-9]{2,}/N/g; s/kill\([0-9]+/kill(N/; s/ +=/ =/; s/(si_[pu]id)=[0-9]+/\1=N/g'
strace -c -o sum true && grep -c execve sum
strace -qq -e trace=openat true nowhere 2>&1 | grep -c ld.so.cache
