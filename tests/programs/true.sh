# Start and end, exit codes of a shell.
/bin/true; echo $?
/bin/false; echo $?
sh -c 'exit 7'; echo $?
