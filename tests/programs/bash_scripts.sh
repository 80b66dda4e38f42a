# needs: bash
# timeout: 120
bash -c 'trap "echo exit trap" EXIT; trap "echo usr1" USR1; for i in 1 2 3; do kill -USR1 $$; done; set -o pipefail; false | true; echo $?; diff <(seq 3) <(seq 4); coproc cat; echo hi >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x; exec {COPROC[1]}>&-; wait'
bash -c 'n=0; for i in $(seq 1 500); do n=$((n + $(echo 1))); done; echo $n'
bash -c 'set -m; sleep 0.5 & sleep 0.4 & jobs | wc -l; wait; echo done; (sleep 5 & kill $!; wait $! ; echo $?) 2>/dev/null'
bash -c 'cat <<A; cat <<"B"
one $((1+1))
A
two $x
B
mapfile -t a < <(printf "%s\n" x y z); echo ${#a[@]} ${a[2]}'
bash -c 'for i in 1 2 3 4; do (exit $i) & p[i]=$!; done; for i in 1 2 3 4; do wait ${p[i]}; echo -n "$? "; done; echo'
echo 'kill -STOP $$; echo continued' > self; bash self & p=$!; until [ "$(cut -d' ' -f3 /proc/$p/stat)" = T ]; do sleep 0.05; done; kill -CONT $p; wait $p; echo $?
