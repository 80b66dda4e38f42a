# needs: tar gzip xz zstd bzip2
# timeout: 120
tar -C /usr/include -cf - linux asm-generic --sort=name --owner=0 --group=0 | md5sum
tar -C /usr/include -czf inc.tgz linux && mkdir out && tar -C out -xzf inc.tgz && diff -r /usr/include/linux out/linux && echo same
tar -tzf inc.tgz | sort | md5sum
