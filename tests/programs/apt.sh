# needs: apt-get apt-cache dpkg-query
# timeout: 120
# Simulations and questions only, about the installed packages: lists of others are none.
export HOME=$PWD
mkdir -p lists/partial cache/archives/partial
apt() { command=$1; shift; "$command" -q=2 -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \
    -o Debug::NoLocking=1 "$@" 2>&1; }
apt apt-get --simulate install bash; echo $?
apt apt-get --simulate remove less | grep -E '^Remv less' | cut -d' ' -f1,2
apt apt-get --simulate install no-such-package-here; echo $?
apt apt-get check; echo $?
apt apt-get --simulate autoremove > /dev/null; echo $?
apt apt-cache policy bash | sed -n 1,2p
apt apt-cache --installed depends bash | head -3
dpkg-query -W -f '${Package} ${db:Status-Status}\n' coreutils bash libc6
apt-config dump | grep -c . > /dev/null && echo configured
dpkg -l bash | tail -1 | awk '{ print $1, $2 }'; dpkg -L bash | grep -c /bin/bash; dpkg -S /bin/bash | cut -d: -f1
