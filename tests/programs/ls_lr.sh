# A long listing of a real tree.
# timeout: 120
ls -lR /usr/share/doc /usr/share/perl5 /usr/lib/python3 2>&1 | awk '{print $1, $2, $5, $9}' | md5sum
ls -1R /usr/share | md5sum
