# needs: seq sort uniq cut tr head tail wc paste join sha256sum
seq 1 5000 | sort -R --random-source=/bin/sh | sort -n | uniq | tail -3
seq 1 1000 | awk '{print $1, $1*$1}' > squares
seq 1 1000 | awk '{print $1, $1*$1*$1}' > cubes
join -1 1 -2 1 squares cubes 2>/dev/null | wc -l
cut -d' ' -f2 squares | paste -sd+ | tr '+' '\n' | wc -lc
sha256sum squares cubes | cut -c1-64
mkdir -p a/b/c && touch a/b/c/file && cp -a a d && mv d/b/c/file d/x && ls -R d
ln -s ../a d/link && ln d/x d/y && stat -c '%F %h %s' d/x d/link
chmod 640 d/x && stat -c %a d/x
touch -d '2001-02-03 04:05:06 UTC' d/x && date -u -r d/x +%s
rm -r a && test ! -e a && echo gone
dd if=/dev/zero of=big bs=64k count=16 2>/dev/null && stat -c %s big && truncate -s 100 big && wc -c < big
df . > /dev/null && du -s d | wc -l
expr 6 \* 7; basename /x/y.z .z; dirname /x/y.z; printf '%05d %s\n' 42 ok
id -u > /dev/null; uname -s -m; nproc > /dev/null; env | grep -c HOME
od -An -tx1 -N16 squares; nl cubes | head -2; fold -w 7 squares | head -3; comm squares cubes | wc -l
split -l 300 squares part. && ls part.* | wc -l; tac squares | head -1; shuf -i 1-1 ; factor 600851475143
