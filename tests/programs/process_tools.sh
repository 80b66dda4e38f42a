# needs: ps top pgrep pkill pstree killall bash
# timeout: 60
# What looks at processes and signals them, on a family of known shape.
exec 2>/dev/null # a shell may or may not say "Terminated"
cat > family.sh <<'EOF'
#!/bin/bash
# Three children and a grandchild, with names of their own.
mkfifo ready
cp "$(command -v sleep)" napper && cp "$(command -v sleep)" dozer
./napper 1000 & one=$!; ./napper 2000 & two=$!; (./dozer 3000 & echo $! > dozer.pid; echo > ready; wait) &
read x < ready
is() { until [ "$(cat /proc/$1/comm)" = $2 ]; do sleep 0.05; done; } # not the shell's copy any more
is $one napper; is $two napper; is $(cat dozer.pid) dozer
echo $$ > family.pid
echo > started
wait
EOF
chmod +x family.sh
mkfifo started
bash ./family.sh 2> /dev/null &
read x < started
family=$(cat family.pid)
until [ "$(ps -o stat= -p "$family" | cut -c1)" = S ]; do sleep 0.05; done
echo "== ps"
ps -o comm=,args= --ppid "$family" | sort
ps -o ppid= -p "$(cat dozer.pid)" | tr -d ' ' | xargs -I{} ps -o comm= -p {}
ps -o stat=,nlwp=,user= -p "$family" | tr -d 'N<' | tr -s ' ' # whoever runs this may be nice
ps -C napper -o ppid= | grep -cw "$family" # the host may have others
ps axo pid,comm | awk -v p="$family" '$1 == p { print $2 }'
echo "== pgrep"
pgrep -P "$family" | wc -l
pgrep -P "$family" -l napper | cut -d' ' -f2
pgrep -f 'napper 2000' -P "$family" | wc -l
pgrep -P "$family" -a napper | cut -d' ' -f2-
echo "== pstree"
pstree -a "$family" | sed 's/[^ -~]//g' | tr -s ' `|-' ' '
pstree -T "$family" | head -c 7; echo
echo "== top"
top -b -n 1 -p "$family" | awk '/family|bash/ { print $NF }'
top -b -n 2 -d 0.1 | grep -c '^ *PID'
echo "== signals"
one=$(pgrep -P "$family" -f 'napper 1000')
becomes() { # STATE: of that process, after a moment
    i=0; until [ "$(ps -o stat= -p "$one" | cut -c1)" = "$1" ] || [ $i = 300 ]; do i=$((i + 1)); sleep 0.1; done
    ps -o stat= -p "$one" | cut -c1
}
pkill -STOP -P "$family" -f 'napper 1000'; becomes T
pkill -CONT -P "$family" -f 'napper 1000'; becomes S
renice -n 19 -p "$family" | sed 's/^[0-9]*/N/; s/old priority [0-9]*/old priority N/'
ps -o ni= -p "$family" | tr -d ' '
kill -0 "$family" && echo alive
pkill -P "$family" napper
i=0; while pgrep -P "$family" napper > left && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done
pgrep -P "$family" napper || echo "no napper"
killall -q -e -s 0 dozer && echo found; kill "$(cat dozer.pid)"; wait; echo "all ended"
echo "== /proc"
sh -c 'tr "\0" " " < /proc/$PPID/cmdline; echo; grep -c . /proc/self/maps > /dev/null && echo maps; readlink /proc/self/cwd | sed "s,.*/,,"'
env -i ONE=1 TWO=2 sleep 1000 & p=$!
i=0; until [ "$(cat /proc/$p/comm)" = sleep ] || [ $i = 100 ]; do i=$((i + 1)); sleep 0.1; done
awk '{ print $2 }' /proc/$p/stat; tr '\0' '\n' < /proc/$p/environ | sort; tr '\0' ' ' < /proc/$p/cmdline; echo
kill $p; wait $p 2>/dev/null; echo $?
echo "== a script's own name"
printf '#!/bin/sh\ncat /proc/$$/comm\n' > named-script && chmod +x named-script && ./named-script
