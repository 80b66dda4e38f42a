#!/bin/bash
# usage: design.sh BUILD
#
# Holds the tree to its design, as TAP: who may include whom, one host system call
# instruction inside, and no generated or listed thing out of date.
set -u
exec 3>&1
cd "$(dirname "$0")/.."
build=$1
inside=$build/pal/inside.elf
count=0
for file in "$build/bailey" "$inside"; do
    [ -e "$file" ] || { echo "not ok - $file is not there"; exit 1; }
done

rule() { # NAME COMMAND...: good when the command finds nothing
    local name=$1 findings
    shift
    findings=$("$@" 2>&1)
    count=$((count + 1))
    if [ -z "$findings" ]; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' <<<"$findings"
    fi
}

sources() { git ls-files -- "$@" | grep -E '\.[chS]$' | grep -v '^pal/hosted/'; }

# What a folder includes, as FILE:"HEADER" or FILE:<HEADER>.
includes() { sources "$@" | xargs -r grep -HoE '^ *# *include +[<"][^>"]+[>"]' | sed -E 's/ *# *include +//'; }

# Headers that come with the compiler and promise no C library.
freestanding='stdint|stddef|stdbool|stdarg|stdatomic|stdnoreturn|stdalign|limits|cpuid'
host_headers() {
    includes libos pal | grep '<' |
        grep -vE ":<((linux|asm|asm-generic)/[a-z0-9_./-]+|($freestanding)\.h)>\$"
}
rule "libos/ and pal/ include no header of the host" host_headers

outside() { includes libos pal | grep -E '"[^"]*(monitor|cli|snapshot|image)/'; }
rule "libos/ and pal/ know nothing outside but abi/" outside

inner() { includes monitor snapshot image net | grep -E '"[^"]*(libos|pal|cli)/'; }
rule "monitor/, snapshot/, image/ and net/ know nothing inside but abi/" inner

contract_only() { includes abi | grep -E '"[^"]*(libos|pal|monitor|cli|snapshot|image)/'; }
rule "abi/ includes nothing of either side" contract_only

# The gate stands in its own page; no other code may reach the host.  (What programs run
# of the vDSO has some, which trap as the programs' own do.)
one_gate() {
    local calls
    calls=$(objdump -d -j .gate -j .text "$inside" | grep -cP '\t(syscall|sysenter|int +\$0x80)')
    [ "$calls" = 1 ] || echo "$calls system call instructions in $inside"
}
rule "one system call instruction inside" one_gate


undefined() { nm -u "$inside"; }
rule "nothing is missing from the inside image" undefined

fixed() {
    readelf -lW "$inside" | grep -E '^ *LOAD.*RWE'
    readelf -rW "$inside" | grep 'R_X86'
}
rule "the inside image has no writable code and nothing to relocate" fixed

linked() { readelf -lW "$build/bailey" | grep -E 'INTERP|DYNAMIC'; }
rule "bailey is one static file" linked

# The committed page may be read without a build, so it has to be true.
compatibility() {
    local now=$build/compatibility.md
    python3 tools/gen_syscalls.py markdown "$now" libos/*/syscalls.tbl
    diff -q docs/compatibility.md "$now" >/dev/null || echo "run make docs and commit it"
}
rule "docs/compatibility.md is what the tables say" compatibility

blocking() {
    local now=$build/blocking.md
    python3 tools/blocking_table.py check 2>&1
    python3 tools/blocking_table.py markdown "$now"
    diff -q docs/blocking.md "$now" >/dev/null || echo "run make errnos and commit it"
}
rule "every call that can sleep is interrupted by a test, as docs/blocking.md says" blocking

contract_page() {
    python3 tools/gen_contract.py markdown "$build/contract.md" abi/contract.tbl
    diff -q docs/contract.md "$build/contract.md" >/dev/null || echo "run make docs and commit it"
}
rule "docs/contract.md is what the table says" contract_page

monitor_calls() {
    python3 tools/gen_own_calls.py "$build/monitor-calls.md"
    diff -q docs/monitor-calls.md "$build/monitor-calls.md" >/dev/null || echo "run make docs and commit it"
}
rule "docs/monitor-calls.md is what the filters say" monitor_calls

within_reach() { # every host call of the contract is explained
    sed -n 's/^FILTER_CALL(\(.*\))/\1/p' "$build/abi/contract_filter.inc" | while read -r name; do
        grep -qE "^\|.*\`$name\`" docs/security.md || echo "$name is not in docs/security.md"
    done
}
rule "docs/security.md names every host call within reach" within_reach

# Lines of code, without comments and blank lines; check.c only tells what a host has.
trusted() {
    local lines
    lines=$(for file in $(git ls-files 'monitor/*.[chS]' 'monitor/*.inc' | grep -v '^monitor/check.c$'); do
        gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null
    done | grep -c .)
    echo "# monitor/: $lines lines of code" >&3
    [ "$lines" -lt 5000 ] || echo "monitor/ has $lines lines of code, 5000 are too many"
}
rule "the trusted part is under 5,000 lines" trusted

manual() {
    "$build/bailey" run --help | grep -oE -- '--[a-z][a-z-]+' | sort -u | while read -r option; do
        grep -qF -- "${option//-/\\-}" docs/bailey.1 || echo "$option is not in docs/bailey.1"
    done
}
rule "the manual page has every option" manual

links() { # of the pages to one another
    local page link
    for page in $(git ls-files -- '*.md'); do
        grep -oE '\]\([^)#:]+' "$page" | sed 's/](//' | grep -v '^http' | while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || echo "$page: $link is not there"
        done
    done
}
rule "links between the pages lead somewhere" links

charts() {
    local drawn chart
    drawn=$(mktemp -d)
    bench/charts docs/performance.json "$drawn"
    for chart in "$drawn"/*; do
        cmp -s "$chart" "docs/${chart##*/}" || echo "docs/${chart##*/} is out of date: run bench/charts"
    done
    rm -rf "$drawn"
}
rule "the charts are those of docs/performance.json" charts

todo() { sources . | xargs grep -nE '\b(TODO|FIXME|XXX)\b'; }
rule "no to-do is left standing" todo

echo "1..$count"
