# needs: script tmux bash
# timeout: 60
script -qc 'test -t 0 && test -t 1 && echo terminal; stty -echo; stty | grep -c -- -echo; stty sane' /dev/null | tr -d '\r'
cat > t.sh <<'END'
export TMUX_TMPDIR=$PWD PS1='% ' SHELL=/bin/sh # not that of who may not log in
tmux -f /dev/null -D 2> server.log &
for i in $(seq 100); do tmux -N new-session -d -s t -x 60 -y 10 'bash --norc' 2> new.log && break; sleep 0.1; done
shows() { for i in $(seq 300); do tmux capture-pane -p -t t | grep -c "$2" | grep -qx "$1" && break; sleep 0.1; done; }
shows 1 '^%'
tmux send-keys -t t 'echo $((6*7)); sleep 1000' Enter; shows 1 '^42'
tmux send-keys -t t C-c; shows 2 '^%'; tmux send-keys -t t 'echo after $?' Enter
shows 1 '^after'
tmux capture-pane -p -t t | grep -E '^(42|after)'; tmux kill-server; wait
END
bash t.sh
