# needs: find grep
# timeout: 120
find /usr/include -type f | sort | md5sum
find /usr/include -name '*.h' -size +20k -printf '%p %s %m\n' | sort | md5sum
grep -rc define /usr/include/linux | sort | md5sum
grep -rl 'struct stat' /usr/include | sort | head -50
