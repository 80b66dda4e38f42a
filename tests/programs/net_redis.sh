# needs: redis-server redis-cli redis-benchmark python3
# redis-server: commands over TCP and a Unix socket, persistence by fork, a benchmark's load.
# A host without IPv6 has no ::1.
python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null || exit 77
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start() {
    redis-server --port $port --bind 127.0.0.1 ::1 --unixsocket "$PWD/sock" --save '' --dir . \
        --logfile log --enable-debug-command yes --appendonly "$1" &
    pid=$!
    n=0
    until redis-cli -p $port ping >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 1000 ] || break; sleep 0.05; done
}
cli() { redis-cli -p $port "$@"; }
start no
cli set key value
redis-cli -s sock get key
cli -h ::1 incrby counter 41
cli debug populate 20000
cli bgsave >/dev/null
while cli info persistence | grep -q rdb_bgsave_in_progress:1; do sleep 0.05; done
cli info persistence | grep rdb_last_bgsave_status
redis-benchmark -p $port -q -t set,get,lpush -n 5000 -c 50 -P 4 | tr '\r' '\n' | grep -c 'requests per second'
cli dbsize
cli shutdown save 2>/dev/null
wait $pid 2>/dev/null
echo "ended with $?"
start yes
cli get key
cli dbsize
kill -9 $pid
wait $pid 2>/dev/null
rm -f sock
start yes
cli ping
cli shutdown nosave
wait $pid 2>/dev/null
echo "ended with $?"
