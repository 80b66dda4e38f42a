#!/bin/bash
# usage: demo.sh BUILD
#
# A real python3 program inside, step by step.
set -eu
cd "$(dirname "$0")/.."
bailey=$1/bailey
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/data"
printf 'apple,3\npear,5\nfig,8\n' >"$place/data/fruit.csv"

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '$ bailey %s\n' "$(printf '%q ' "$@")"; "$bailey" "$@"; }

cat >"$place/data/sums.py" <<'END'
import csv, json, os, platform, sqlite3, threading

with open('/data/fruit.csv') as f:
    rows = [(name, int(n)) for name, n in csv.reader(f)]
db = sqlite3.connect(':memory:')
db.execute('create table fruit (name text, n integer)')
db.executemany('insert into fruit values (?, ?)', rows)
total = db.execute('select sum(n) from fruit').fetchone()[0]

squares = [0] * 4
def work(i):
    squares[i] = sum(k * k for k in range(i * 1000))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()

with open('/tmp/note.txt', 'w') as f:
    f.write('written inside\n')
print(json.dumps({'total': total, 'squares': squares, 'pid': os.getpid(),
                  'host name': platform.node(), 'note': open('/tmp/note.txt').read().strip()}, indent=2))
END

step "1. Can this host run sandboxes?"
show check

step "2. Debian's own python3, unchanged: csv, json, sqlite3, threads, files"
show run -v "$place/data:/data:ro" --hostname picoprocess -- python3 /data/sums.py

step "3. Its system calls, served by the library OS (the last ten)"
show run --trace="$place/trace" -- python3 -c 'print(1)'
tail -n 10 "$place/trace"
echo "... $(wc -l <"$place/trace") calls in all"

step "4. What it wrote stayed inside; what it must not see isn't there"
ls /tmp/note.txt 2>/dev/null || echo "/tmp/note.txt is not on the host"
show run -- sh -c 'ls /root; cat /etc/shadow || true' || true

step "5. Exit codes and signals come out as from any program"
"$bailey" run -- sh -c 'exit 7' || echo "sh -c 'exit 7' ended with $?"
"$bailey" run --timeout 1 -- sleep 60 || echo "--timeout 1 sleep 60 ended with $?"

step "6. Saved in mid-loop, resumed: python3 with numpy and a thread goes on where it was"
cat >"$place/loop.py" <<'END'
import threading, time
import numpy as np

rows, ticks = np.arange(200_000, dtype=np.float64), 0
def tick():
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1
threading.Thread(target=tick, daemon=True).start()
for step in range(1, 21):
    rows = np.sqrt(rows * rows + step)
    time.sleep(0.2)
    print(f'step {step}: sum {rows.sum():.3f}, the thread ticks: {ticks > step * 5}', flush=True)
END
if ! /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
    echo "skipped: numpy is not installed (make deps)"
    exit 0
fi
name=demo$$
ms() { echo $((($(date +%s%N) - $1) / 1000000)) ms; }
printf '$ bailey run --name %s -- python3 loop.py &\n' $name
"$bailey" run -q --name $name -v "$place:/demo:ro" -- /usr/bin/python3 /demo/loop.py >"$place/out" &
until [ "$(wc -l <"$place/out")" -ge 3 ]; do sleep 0.05; done
start=$(date +%s%N)
printf '$ bailey save %s -o loop.bailey\n' $name
"$bailey" save $name -o "$place/loop.bailey" >"$place/said"
took=$(ms "$start")
wait $!
cat "$place/out"
echo "... saved in $took: $(stat -c %s "$place/loop.bailey") bytes, and the sandbox is gone"
printf '$ bailey resume --grant loop.bailey\n'
start=$(date +%s%N)
"$bailey" resume --grant "$place/loop.bailey" | while read -r line; do
    [ -z "$start" ] || line="$line    (first line after $(ms "$start"))"
    start=
    echo "$line"
done
