# needs: nginx curl python3
# nginx: workers, sendfile, kept connections, a proxy to itself, reload and end by signal.
set -- $(python3 -c 'import socket
l = [socket.socket(), socket.socket()]
for s in l: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in l])')
d=$PWD
mkdir www
echo hello > www/small
head -c 3000000 /dev/urandom > www/big
conf() {
    echo "worker_processes 2; pid $d/pid; error_log $d/errors;"
    [ "$(id -u)" != 0 ] || echo 'user root;'
    echo "events { worker_connections 256; }
        http { sendfile on; tcp_nopush on; access_log off; client_body_temp_path $d/t1;
        proxy_temp_path $d/t2; fastcgi_temp_path $d/t3; uwsgi_temp_path $d/t4; scgi_temp_path $d/t5;
        server { listen 127.0.0.1:$1; root $d/www; location /again/ { proxy_pass http://127.0.0.1:$1/; } } }"
}
conf "$1" > conf
nginx -e "$d/errors" -c "$d/conf" || exit 1
at=http://127.0.0.1:$1
curl -s $at/small
curl -s $at/again/small
curl -s $at/big | cmp - www/big && echo same
curl -s $at/again/big | cmp - www/big && echo same
curl -s -r 1000000-1999999 $at/big | wc -c
curl -s $at/none -o /dev/null -w '%{http_code}\n'
curl -s $at/small $at/small $at/small -w '%{num_connects}\n' -o /dev/null -o /dev/null -o /dev/null
i=0
while [ $i -lt 20 ]; do curl -s $at/big | cmp - www/big & i=$((i + 1)); done
wait
conf "$2" > conf
kill -HUP "$(cat pid)"
at=http://127.0.0.1:$2
n=0
until curl -s $at/small; do n=$((n + 1)); [ $n -lt 600 ] || break; sleep 0.05; done
kill -QUIT "$(cat pid)"
n=0
while [ -e pid ]; do n=$((n + 1)); [ $n -lt 600 ] || break; sleep 0.05; done
[ ! -e pid ] && echo ended
grep -v www/none errors
