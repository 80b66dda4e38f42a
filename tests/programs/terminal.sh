# needs: script tmux bash
# timeout: 60
script -qc 'test -t 0 && test -t 1 && echo terminal; stty -echo; stty | grep -c -- -echo; stty sane' /dev/null | tr -d '\r'
cat > t.sh <<'END'
export TMUX_TMPDIR=$PWD PS1='% '
tmux -f /dev/null -D 2> server.log &
for i in $(seq 100); do tmux -N new-session -d -s t -x 60 -y 10 'bash --norc' 2> new.log && break; sleep 0.1; done
for i in $(seq 50); do tmux capture-pane -p -t t | grep -q % && break; sleep 0.1; done
tmux send-keys -t t 'echo $((6*7)); sleep 100' Enter; sleep 0.5
tmux send-keys -t t C-c; sleep 0.3; tmux send-keys -t t 'echo after $?' Enter
for i in $(seq 50); do tmux capture-pane -p -t t | grep -q '^after' && break; sleep 0.1; done
tmux capture-pane -p -t t | grep -E '^(42|after)'; tmux kill-server; wait
END
bash t.sh
