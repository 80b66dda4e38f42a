# Output in order, append, here-documents, closed descriptors.
echo one > f; echo two >> f; cat f
{ echo out; echo err >&2; } 2>&1 | cat
cat <<END | tr a-z A-Z
here
END
exec 3< f; read line <&3; echo $line; exec 3<&-
( exec >&-; echo x ) 2>/dev/null; echo $?
cat /nonexistent; echo $?
