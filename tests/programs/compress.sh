# needs: gzip xz zstd bzip2
# timeout: 120
cat /usr/include/linux/*.h > data
for c in gzip xz zstd bzip2; do
    $c -k < data > data.$c && $c -d < data.$c | cmp - data && echo $c ok
done
xz -T2 -c data | xz -dc | md5sum
zstd -T2 -q -c data | zstd -dc | md5sum
