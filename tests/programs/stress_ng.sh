# needs: stress-ng
# timeout: 120
# Processes, signals, shared memory and waiting under load, each checking itself.
for s in fork vfork pipe futex sigq sigchld signal shm shm-sysv sem sem-sysv msg mq mremap switch; do
    stress-ng --$s 2 --timeout 1 --verify --quiet --temp-path . > log 2>&1 && echo $s ok || { echo $s failed; cat log; }
done
