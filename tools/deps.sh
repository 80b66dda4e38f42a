#!/bin/sh
# usage: deps.sh [build|demo|tests|checks|bench|qemu|suites]...  (no word: all but the last two)
#
# Installs what building and testing need, on Debian 12 and its relatives.  Nothing is
# asked and nothing is fetched when everything is there.
set -eu

build="gcc libarchive-dev zlib1g-dev libc6-dev linux-libc-dev binutils meson ninja-build pkg-config python3
       libzstd-dev libsodium-dev libjson-c-dev"
tests="clang python3-jsonschema attr erofs-utils busybox stress-ng libcmocka-dev bats util-linux procps nasm musl-tools golang-go perl jq sqlite3
       python3-numpy xz-utils zstd openssl
       nginx-light redis-server redis-tools memcached postgresql openssh-server openssh-client dbus curl
       strace gdb valgrind iproute2 net-tools psmisc htop ruby vim less tmux git cmake"
checks="clang clang-format clang-tidy cppcheck"
bench="bubblewrap runsc wrk redis-tools redis-server nginx-light postgresql curl"

demo="python3-numpy"
qemu="qemu-system-x86 busybox"
suites="libpython3.11-testsuite stress-ng perl busybox coreutils manpages-dev"

missing=
for group in ${*:-build demo tests checks bench}; do
    case $group in
    build) packages=$build ;;
    demo) packages=$demo ;;
    tests) packages=$tests ;;
    checks) packages=$checks ;;
    bench) packages=$bench ;;
    qemu) packages=$qemu ;;
    suites) packages=$suites ;;
    *) echo "deps.sh: $group: no such group of packages" >&2; exit 2 ;;
    esac
    for package in $packages; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "Missing:$missing" >&2
    echo "Run as root: apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
$as_root apt-get update -qq
# dpkg says on standard output why it failed, so that is kept until all went well.
if ! $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >"$log"; then
    tail -n 30 "$log" >&2
    echo "deps.sh: the packages above were not installed (mend that, then run this again)" >&2
    exit 1
fi
