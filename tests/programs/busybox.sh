# needs: busybox
busybox ash -c 'for i in 1 2 3; do echo $i; done | busybox awk "{s+=\$1} END {print s}"; busybox seq 5 | busybox tac | busybox head -2; x=$(busybox expr 6 \* 7); echo $x'
busybox sh -c 'busybox mkdir -p a/b; busybox touch a/b/c; busybox find a | busybox sort; busybox tar cf t.tar a; busybox tar tf t.tar; busybox rm -r a; busybox ls'
