# needs: ipcmk ipcs ipcrm
# The tools of util-linux find, show and remove System V objects.
set -e
shm=$(ipcmk -M 10000 -p 0640 | grep -o '[0-9]*$')
sem=$(ipcmk -S 7 -p 0600 | grep -o '[0-9]*$')
msg=$(ipcmk -Q -p 0604 | grep -o '[0-9]*$')
trap 'ipcrm -m "$shm" -s "$sem" -q "$msg" 2>/dev/null' EXIT
ipcs -m | awk -v id="$shm" '$2 == id { print $3, $4, $5, $6 }'
ipcs -s | awk -v id="$sem" '$2 == id { print $3, $4, $5 }'
ipcs -q | awk -v id="$msg" '$2 == id { print $3, $4, $5, $6 }'
ipcs -m -i "$shm" | grep -E 'bytes|mode' | sed 's,cpid=[0-9]*,cpid,'
ipcs -s -i "$sem" | grep -E 'nsems|mode'
ipcs -q -i "$msg" | grep -E 'qnum|mode'
awk -v id="$shm" '$2 == id { print $3, $4, $7, $8, NF }' /proc/sysvipc/shm
awk -v id="$sem" '$2 == id { print $3, $4, NF }' /proc/sysvipc/sem
awk -v id="$msg" '$2 == id { print $3, $4, $5, NF }' /proc/sysvipc/msg
head -1 /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
ipcs -l | grep -E 'max|system|per'
ipcrm -m "$shm" -s "$sem" -q "$msg"
ipcs -m -i "$shm" 2>&1 | sed "s/$shm/ID/"
