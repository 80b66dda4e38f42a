"""Servers under load, client and server in the same sandbox: nanoseconds for one request.

Each script starts a server, loads it and prints lines "name requests-per-second".  What a
system can't run gives no row.
"""
import re
import shutil
import subprocess

PORT = 21950

REDIS = f"""
command -v redis-server >/dev/null || exit 0
redis-server --port {PORT} --save '' --appendonly no --bind 127.0.0.1 >/dev/null & pid=$!
until redis-cli -p {PORT} ping >/dev/null 2>&1; do sleep 0.05; done
for p in 1 16; do
    redis-benchmark -p {PORT} -q -t set,get -n $(($1 * (p + 3) / 4)) -c 50 -P $p | tr '\\r' '\\n' |
        sed -n "s/^\\([SG]ET\\): \\([0-9.]*\\) requests.*/redis \\1 pipeline $p \\2/p"
done
kill $pid; wait $pid
"""

NGINX = f"""
command -v nginx >/dev/null && command -v wrk >/dev/null || exit 0
d=$(mktemp -d); cd $d; chmod 755 .; mkdir www; echo hello > www/small; head -c 1000000 /dev/zero > www/big
[ $(id -u) != 0 ] || user='user root;'
echo "$user worker_processes 1; pid $d/pid; error_log /dev/null; events {{ worker_connections 256; }}
http {{ sendfile on; tcp_nopush on; access_log off; client_body_temp_path $d/t1; proxy_temp_path $d/t2;
fastcgi_temp_path $d/t3; uwsgi_temp_path $d/t4; scgi_temp_path $d/t5;
server {{ listen 127.0.0.1:{PORT + 1}; root $d/www; }} }}" > conf
nginx -e /dev/null -c $d/conf
for f in small big; do for c in 1 64; do
    wrk -t1 -c$c -d$1 http://127.0.0.1:{PORT + 1}/$f | sed -n "s/^Requests.sec: */nginx $f x$c /p"
done; done
kill $(cat pid); sleep 0.2; rm -rf $d
"""

POSTGRES = f"""
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
command -v initdb >/dev/null || exit 0
if [ $(id -u) = 0 ]; then exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$0" "$0" $1; fi
d=$(mktemp -d); cd $d; export PGUSER=postgres PGHOST=127.0.0.1 PGPORT={PORT + 2}
initdb -D data -U postgres -A trust >/dev/null 2>&1
postgres -D data -p $PGPORT -k $d -h 127.0.0.1 >/dev/null 2>&1 & pid=$!
until pg_isready -q; do sleep 0.1; done
createdb b; pgbench -i -q b >/dev/null 2>&1
pgbench -n -c 4 -T $1 b 2>/dev/null | sed -n 's/^tps = \\([0-9.]*\\).*/pgbench \\1/p'
pgbench -n -S -c 4 -T $1 b 2>/dev/null | sed -n 's/^tps = \\([0-9.]*\\).*/pgbench select \\1/p'
kill -INT $pid; wait $pid; cd /; rm -rf $d
"""


def run_script(prefix, text, argument):
    try:
        out = subprocess.run(prefix + ['sh', '-c', text, text, str(argument)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
                             timeout=180).stdout
    except subprocess.TimeoutExpired:
        return {}
    rows = {}
    for line in out.splitlines():
        name, _, rate = line.rpartition(' ')
        if re.fullmatch('[0-9.]+', rate) and float(rate) > 0:
            rows[name] = 1e9 / float(rate)
    return rows


def servers(prefix, slow, quick):
    result = {}
    if shutil.which('redis-server'):
        result |= run_script(prefix, REDIS, 2000 if slow else 20000 if quick else 100000)
    result |= run_script(prefix, NGINX, 1 if quick or slow else 3)
    result |= run_script(prefix, POSTGRES, 1 if quick or slow else 4)
    return result
