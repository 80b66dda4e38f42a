# needs: busybox
# timeout: 60
busybox ash -c 'for i in 1 2 3; do echo $i; done | busybox awk "{s+=\$1} END {print s}"; busybox seq 5 | busybox tac | busybox head -2; x=$(busybox expr 6 \* 7); echo $x'
busybox sh -c 'busybox mkdir -p a/b; busybox touch a/b/c; busybox find a | busybox sort; busybox tar cf t.tar a; busybox tar tf t.tar; busybox rm -r a; busybox ls'
# A directory of applets, as on a system that has nothing else.
mkdir bin && busybox --install -s "$PWD/bin" && ls bin | wc -l
cat > ash.sh <<'EOF'
trap 'echo exit trap' EXIT
trap 'echo usr1' USR1
kill -USR1 $$
f() { local x=$1; [ "$x" -le 1 ] && { echo 1; return; }; echo $((x * $(f $((x - 1))))); }
f 10
cat <<A
here $((1 + 1)) ${HOME:+home}
A
i=0; while [ $i -lt 300 ]; do i=$((i + $(echo 1))); done; echo $i
sleep 100 & kill $!; wait $!; echo $?
(exit 7); echo $?
echo "a b c" | while read x y z; do echo "$z $y $x"; done
printf '%s\n' one two three | sort -r | grep -n t | sed 's/:/ /' | cut -d' ' -f2 | tr a-z A-Z
set -- $(seq 20); echo $# ${20}; shift 18; echo "$@"
yes | head -3 | wc -l; false | true; echo $?
echo hello > f; md5sum f; sha256sum f | cut -c1-16; wc -c < f; od -c f | head -1; hexdump -C f | head -1
gzip f && gunzip -c f.gz && zcat f.gz | rev; bzip2 -k f.gz; ls f.*; stat -c '%s %a' f.gz
mkdir -p d/e && cp f.gz d/e/ && mv d/e/f.gz d/g && ln -s g d/h && readlink d/h && du -a d | wc -l
find d -type l; find d -name 'g' -exec basename {} \; ; xargs -n 2 echo < /dev/null; seq 6 | xargs -n 3 echo
date -u -d @0 +%Y; env -i A=b env; id -u > /dev/null; uname -s; hostname > /dev/null && echo named
diff -u /dev/null - <<B | tail -1
added
B
dd if=/dev/zero of=z bs=1k count=4 2>/dev/null; cmp z z && ls -l z | awk '{ print $5 }'
awk 'BEGIN { for (i = 0; i < 5; i++) a[i] = i * i; for (i in a) s += a[i]; print s }'
ps | grep '[a]sh.sh' | grep -c "^ *$$ "; pidof no-such-program; echo $?
timeout 0.2 sleep 5; echo $?
vi -c ':%s/x/y/' -c ':wq' z2 < /dev/null > /dev/null 2>&1; test -e nosuch || echo "not there"
EOF
env PATH="$PWD/bin" "$PWD/bin/ash" ./ash.sh
