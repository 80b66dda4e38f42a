# needs: seq sort md5sum
# timeout: 240
# Sorting 100 MB, with temporary files.
seq 1 14500000 | rev > numbers && stat -c %s numbers
sort -S 64M -T . numbers | md5sum
