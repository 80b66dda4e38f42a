# needs: psql python3 setpriv
# timeout: 120
# PostgreSQL: initdb, a server over TCP and a Unix socket, pgbench, recovery after a crash.
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
command -v initdb >/dev/null || exit 77
if [ "$(id -u)" = 0 ]; then # it runs as no root
    cp "$0" /tmp/postgres.$$.sh
    cd /tmp && setpriv --reuid=65534 --regid=65534 --clear-groups sh /tmp/postgres.$$.sh
    code=$?
    rm -f /tmp/postgres.$$.sh
    exit $code
fi
d=$(mktemp -d) || exit 1
cd "$d" || exit 1
trap 'rm -rf "$d"' EXIT
export PGDATA="$d/data" HOME="$d" PGUSER=postgres PGHOST=127.0.0.1 PGCONNECT_TIMEOUT=20
PGPORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PGPORT
initdb -U postgres -A trust -E UTF8 --locale=C >log 2>&1 || { cat log; exit 1; }
cat >> data/postgresql.conf <<E
port = $PGPORT
unix_socket_directories = '$d'
listen_addresses = '127.0.0.1'
max_connections = 20
E
start() {
    n=0
    while [ $n -lt 50 ]; do
        postgres >>log 2>&1 &
        pid=$!
        m=0
        while [ $m -lt 900 ] && kill -0 $pid 2>/dev/null; do
            pg_isready -q && return
            m=$((m + 1))
            sleep 0.1
        done
        wait $pid
        n=$((n + 1))
        sleep 0.1
    done
    cat log
}
start
psql -Atc 'select 6 * 7'
createdb -h "$d" bench
pgbench -i -q bench >/dev/null 2>&1
pgbench -n -c 4 -t 50 bench 2>/dev/null | grep -E 'actually|failed'
pgbench -n -S -c 4 -j 2 -t 500 bench 2>/dev/null | grep -E 'actually|failed'
psql -q bench <<'E' | sed 's/ received from.*//'
create table t (a int primary key, b text);
insert into t select n, md5(n::text) from generate_series(1, 5000) n;
listen news;
notify news, 'hello';
begin;
update t set b = 'lost' where a = 1;
E
psql -Atc 'select count(*), max(length(b)) from t' -h "$d" bench
kill -9 $pid
wait $pid 2>/dev/null
start
psql -Atc "select count(*), sum((b = 'lost')::int) from t" bench
kill -INT $pid
wait $pid 2>/dev/null
echo "ended with $?"
