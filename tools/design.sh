#!/bin/bash
# usage: design.sh BUILD
#
# Holds the tree to its design, as TAP: who may include whom, one host system call
# instruction inside, and no generated or listed thing out of date.
set -u
cd "$(dirname "$0")/.."
build=$1
count=0

report() { # NAME, findings on standard input: none is good
    local findings
    findings=$(cat)
    count=$((count + 1))
    if [ -z "$findings" ]; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1"
        sed 's/^/# /' <<<"$findings"
    fi
}

# Headers that come with the compiler and promise no C library.
freestanding='stdint|stddef|stdbool|stdarg|stdatomic|stdnoreturn|stdalign|limits|cpuid|immintrin'

sources() { git ls-files -- "$@" | grep -E '\.[chS]$'; }

# Included headers as "FILE:HEADER", with their brackets or quotes.
includes() { xargs -r grep -HoE '^ *# *include +[<"][^>"]+[>"]' | sed -E 's/ *# *include +//'; }

sources libos pal | grep -v '^pal/hosted/' | includes | grep '<' |
    grep -vE ":<((linux|asm|asm-generic)/[a-z0-9_./-]+|($freestanding)\.h)>\$" |
    report "libos/ and pal/ include no header of the host"

sources libos pal | grep -v '^pal/hosted/' | includes | grep -E '"[^"]*(monitor|cli|snapshot|image)/' |
    report "libos/ and pal/ know nothing outside but abi/"

sources monitor snapshot image | includes | grep -E '"[^"]*(libos|pal|cli)/' |
    report "monitor/, snapshot/ and image/ know nothing inside but abi/"

sources abi | includes | grep -E '"[^"]*(libos|pal|monitor|cli|snapshot|image)/' |
    report "abi/ includes nothing of either side"

# The gate stands at IMAGE_BASE; no other code may reach the host.
if [ -e "$build/inside.elf" ]; then inside=$build/inside.elf; else inside=$build/pal/inside.elf; fi
calls=$(objdump -d "$inside" | grep -cP '\t(syscall|sysenter|int +\$0x80)')
{ [ "$calls" = 1 ] || echo "$calls system call instructions in $inside"; } |
    report "one system call instruction inside"

{ readelf -lW "$inside" | grep -E '^ *LOAD' | grep -E 'RWE'; readelf -rW "$inside" | grep -E ' R_X86'; } |
    report "the inside image has no writable code and nothing to relocate"

readelf -lW "$build/bailey" | grep -E 'INTERP|DYNAMIC' | report "bailey is one static file"

generated=$(mktemp)
{ python3 tools/gen_syscalls.py markdown "$generated" libos/*/syscalls.tbl 2>&1
  diff -q docs/compatibility.md "$generated" >/dev/null 2>&1 || echo "run make docs"; } |
    report "docs/compatibility.md is what the tables say"
rm -f "$generated"

"$build/bailey" run --help | grep -oE -- '--[a-z][a-z-]+' | sort -u | while read -r option; do
    grep -qF -- "${option//-/\\-}" docs/bailey.1 || echo "$option is not in docs/bailey.1"
done | report "the manual page has every option"

git ls-files -- '*.c' '*.h' '*.S' | xargs grep -nE '\b(TODO|FIXME|XXX)\b' | report "no to-do is left standing"

echo "1..$count"
