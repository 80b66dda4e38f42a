# needs: /usr/sbin/sshd ssh ssh-keygen python3
# sshd with sessions inside: a command with input and status, one on a terminal, a copy, a
# forwarded port.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
d=$PWD
if [ "$(id -u)" = 0 ]; then
    mkdir -p -m 755 /run/sshd
    # A sandbox hides the host's; without one sshd takes root for locked.
    [ -e /etc/shadow ] || echo 'root:*:20000:0:99999:7:::' > /etc/shadow
fi
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f id
cat > conf <<E
Port $port
ListenAddress 127.0.0.1
HostKey $d/host
PidFile none
AuthorizedKeysFile $d/id.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PrintMotd no
PrintLastLog no
PermitRootLogin yes
Subsystem sftp internal-sftp
E
/usr/sbin/sshd -D -f conf -E log &
pid=$!
me=$(id -un)
options="-F none -i id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
go() { ssh $options -p "$port" "$@" 2>go.err; code=$?; grep -v 'chdir to home' go.err >&2; return $code; }
python3 - "$port" <<'E'
import socket, sys, time
for n in range(1000):
    try:
        socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(100)
        break
    except OSError:
        time.sleep(0.05)
E
go "$me@127.0.0.1" true 2>errors || { kill $pid; exit 77; } # not for this user
echo input | go "$me@127.0.0.1" 'echo inside; tr a-z A-Z; exit 3'
echo $?
go -tt "$me@127.0.0.1" 'test -t 0 && echo on a terminal; exit 4' </dev/null | tr -d '\r' | grep -v 'chdir to home'
head -c 3000000 /dev/zero | go "$me@127.0.0.1" 'wc -c'
head -c 500000 /dev/urandom > data
scp -q $options -P "$port" data "$me@127.0.0.1:$d/copy" && cmp data copy && echo same
kill $pid
wait $pid 2>/dev/null
