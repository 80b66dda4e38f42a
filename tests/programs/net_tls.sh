# needs: openssl curl python3
# TLS: openssl s_server and s_client, curl against it, a certificate nobody vouches for.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
openssl s_server -accept "127.0.0.1:$port" -key key.pem -cert cert.pem -www -quiet &
pid=$!
n=0
until curl -s --cacert cert.pem "https://localhost:$port/" > page; do
    n=$((n + 1))
    [ $n -lt 600 ] || break
    sleep 0.05
done
grep -c '<HTML>' page
curl -s "https://localhost:$port/"
echo "without the certificate: $?"
echo Q | openssl s_client -connect "127.0.0.1:$port" -CAfile cert.pem -verify_return_error 2>&1 |
    grep -m 1 'Verify return code'
kill $pid
wait $pid 2>/dev/null
echo $?
