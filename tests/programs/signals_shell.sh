# needs: bash
bash -c 'trap "echo got usr1" USR1; kill -USR1 $$; trap "echo bye" EXIT; (exit 3); echo $?; kill -0 $$ && echo alive'
sh -c 'kill -TERM $$'; echo $?
sh -c 'kill -SEGV $$' 2>/dev/null; echo $?
timeout 0.2 sleep 5; echo $?
yes | head -2
