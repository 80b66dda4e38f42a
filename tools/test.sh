#!/bin/bash
# usage: test.sh BUILD
#
# Runs every suite and counts their TAP lines.  The last line is
# "N passed, N failed, N skipped"; the exit code says whether all passed.
#
#   unit        meson's tests: the library OS as an ordinary program, the monitor's parts
#   sanitizers  the same with address and undefined-behaviour sanitizers
#   design      rules of the design that a program can check
#   fuzzing     every parser of outside data, a few seconds each (make fuzz: long)
#   hostile     programs that try to break out, and a host that must not notice
#   stress      the stress tests in their short form; `make stress` has the long one
#   demo        what `make demo` shows, step by step
#   soak        ten cycles of saving and resuming, 60 short sandboxes, a day of mixed work told in
#               seconds (`make soak-day`: 24,000 sandboxes), 50 clones at once; `make soak` has
#               thousands
#   suites      some of CPython's and stress-ng's own tests; `make suites` has all of them
#   another kernel  a snapshot between two machines under QEMU, where there is one
#   cpu levels  run --cpu on a CPU that can hide features, under a QEMU that can emulate that
#   save        the guest programs, saved and resumed at random moments
#   objects     one of every kind, saved in a moment it chooses
#   guest, cli  programs in sandboxes, as the caller, and again as an ordinary user
#               when the caller is root
set -u
# Who runs this in the background may have these ignored, and then every test would.
[ "${DEFAULT_SIGNALS-}" ] || DEFAULT_SIGNALS=1 exec env --default-signal=HUP,INT,QUIT "$0" "$@"
umask 022 # whatever it is here: sandboxes begin with that
cd "$(dirname "$0")/.."
build=$(realpath "$1")
sanitized=$build-sanitize
results=$build/results.tap
: >"$results"

suite() { # NAME COMMAND...: its TAP lines count; failing without any counts as one
    local name=$1 log code
    shift
    log=$(mktemp)
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    grep -aE '^ *(ok|not ok)\b' "$log" | sed "s/^ *//; s/\$/ [$name]/" >>"$results"
    if [ "$code" != 0 ] && ! grep -aqE '^ *not ok\b' "$log"; then
        echo "not ok - $name ended with code $code" | tee -a "$results"
    fi
    rm -f "$log"
}

meson_tap() { # DIR: runs meson's tests there and prints them as TAP
    local log=$1/meson-logs/testlog.json
    rm -f "$log"
    # Times are those of a machine of its own: a busy one may be slower.
    meson test -C "$1" -t 5 --no-suite guest >"$1/meson-logs/run.txt" 2>&1 || true
    if ! [ -s "$log" ]; then
        grep -qi 'no tests' "$1/meson-logs/run.txt" && return 0
        cat "$1/meson-logs/run.txt"
        return 1
    fi
    python3 - "$log" <<'END'
import json, re, sys
for line in open(sys.argv[1]):
    test = json.loads(line)
    parts = [p for p in test.get('stdout', '').splitlines() if re.match(r'(not )?ok\b', p)]
    bad = test['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL')
    for part in parts:
        print(part, '-', test['name'])
    if bad and not any(p.startswith('not ok') for p in parts):
        print('not ok -', test['name'], '-', test['result'])
    elif not parts:
        print('ok -', test['name'], '# SKIP' if test['result'] == 'SKIP' else '')
    if bad:
        for text in (test.get('stdout', ''), test.get('stderr', '')):
            print(''.join('# ' + t + '\n' for t in text.splitlines()[-60:]), end='')
END
}

sanitizers() {
    [ -e "$sanitized/build.ninja" ] ||
        meson setup "$sanitized" -Db_sanitize=address,undefined -Db_lundef=false >/dev/null || return 1
    meson_tap "$sanitized"
}

guest() { BUILD=$1 "$2/tests/run"; }

hostile() { BUILD=$1 tests/hostile/run; }
stress() { BUILD=$1 tests/stress/run; }

cli() { BAILEY=$1/bailey bats --tap "$2"/tests/cli/*.bats; }

# The guest programs once more, saved and resumed in between.
save() { BUILD=$1 tests/save/run -n 2; }

# Objects of every kind, saved in a moment they choose.
objects() { BUILD=$1 tests/objects/run; }

demo() { tools/demo.sh "$1" && echo "ok - every step of the demo"; }

# What is quick and touches most.
suites() {
    if [ -d /usr/lib/python3.11/test ]; then
        tests/suites/cpython --build "$1" --tap test_fcntl test_json test_mmap test_posix \
            test_poll test_sqlite3 test_tempfile test_zlib
    fi
    tests/suites/stress_ng --build "$1" --tap dnotify futex memfd mq open pty schedpolicy sigq
}

# An ordinary user can't read a clone below /root, so it gets a copy.
as_user() {
    local copy
    copy=$(mktemp -d /tmp/bailey-test.XXXXXX)
    mkdir "$copy/build"
    cp -r tests cli "$copy/"
    cp -r "$build/bailey" "$build/tests" "$copy/build/"
    chmod -R a+rX "$copy"
    mkdir -m 1777 "$copy/tmp"
    local user=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs env HOME=/nonexistent TMPDIR="$copy/tmp")
    (cd "$copy" && BUILD=$copy/build "${user[@]}" tests/run)
    local code=$?
    (cd "$copy" && BUILD=$copy/build "${user[@]}" tests/hostile/run) || code=1
    (cd "$copy" && BUILD=$copy/build "${user[@]}" tests/stress/run) || code=1
    (cd "$copy" && BUILD=$copy/build "${user[@]}" tests/save/run -n 1) || code=1
    (cd "$copy" && BUILD=$copy/build "${user[@]}" tests/objects/run) || code=1
    (cd "$copy" && BAILEY=$copy/build/bailey "${user[@]}" bats --tap tests/cli/*.bats) || code=1
    rm -rf "$copy"
    return $code
}

suite unit meson_tap "$build"
suite sanitizers sanitizers
suite design tools/design.sh "$build"
suite stress stress "$build"
suite guest guest "$build" .
suite fuzzing tools/fuzz.sh "$build" 3
suite hostile hostile "$build"
suite save save "$build"
suite objects objects "$build"
suite cli cli "$build" .
[ "$(id -u)" != 0 ] || suite "as a user" as_user
suite demo demo "$build"
suite soak tests/soak/save_cycles "$build" 10
suite "soak, short ones" tests/soak/short_sandboxes "$build" 60
suite "soak, a day" tests/soak/mixed_day "$build" 48
suite "soak, clones" tests/soak/many_clones "$build" 50
suite suites suites "$build"
suite "another kernel" tests/qemu/other_kernel "$build"
suite "cpu levels" tests/qemu/cpu_level "$build"

skipped=$(grep -cE '^ok.*# *(SKIP|skip)' "$results")
failed=$(grep -c '^not ok' "$results")
passed=$(($(grep -c '^ok' "$results") - skipped))
[ "$failed" = 0 ] || { echo "== failures"; grep '^not ok' "$results"; }
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
