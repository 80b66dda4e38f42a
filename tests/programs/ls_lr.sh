# A long listing of a real tree.
# timeout: 120
ls -lR /usr/share/doc /usr/share/perl5 /usr/lib/python3 2>&1 | awk '{print $1, $2, $5, $9}' | md5sum
cd /usr/share && ls -1R $(find . -maxdepth 1 ! -name . ! -name polkit-1 | sort) | md5sum
