# needs: dbus-daemon dbus-send dbus-monitor
# A message bus with clients: names, a call, a signal to whoever listens.
cat > conf <<'E'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
E
sed -i "s|path=bus|path=$PWD/bus|" conf
dbus-daemon --config-file=conf --nofork --print-address=1 > address 2>log &
pid=$!
n=0
until [ -s address ]; do n=$((n + 1)); [ $n -lt 600 ] || break; sleep 0.05; done
DBUS_SESSION_BUS_ADDRESS=$(cat address)
export DBUS_SESSION_BUS_ADDRESS
call() { dbus-send --session --print-reply --dest=org.freedesktop.DBus / "org.freedesktop.DBus.$1" $2; }
call NameHasOwner string:org.freedesktop.DBus | grep boolean
call GetConnectionUnixUser string:org.freedesktop.DBus | grep -c uint32
: > seen
dbus-monitor --session "interface='com.example.Test'" > seen &
monitor=$!
n=0
until grep -q there seen; do
    dbus-send --session --type=signal / com.example.Test.Hello string:there
    n=$((n + 1))
    [ $n -lt 600 ] || break
    sleep 0.05
done
grep -m 1 -o there seen
kill $monitor $pid
wait $pid 2>/dev/null
echo $?
