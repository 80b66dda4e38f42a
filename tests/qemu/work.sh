# Two processes with a pipe between them, a variable that grows, and a deleted file.
exec 3>/tmp/kept
rm /tmp/kept
n=0
while [ "$n" -lt 30 ]; do
    n=$((n + 1))
    echo "$n" >&3
    echo "$n"
    sleep 0.1
    # The save may take its time to begin: the copy goes on.
    while [ "$n" = 10 ] && [ "$(cat /dev/bailey/generation)" = 0 ]; do sleep 0.1; done
done | while read -r x; do
    sum=$((sum + x))
    echo "line $x sum $sum"
done
echo "end"
