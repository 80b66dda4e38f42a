# What the command line's tests share.  BAILEY is the executable under test.
bats_require_minimum_version 1.5.0

setup() {
    BAILEY=${BAILEY:-$BATS_TEST_DIRNAME/../../build/bailey}
    place=$(mktemp -d)
    chmod 755 "$place"
    cd "$place" || return 1
    export TMPDIR=$place
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    mkdir -m 700 "$XDG_RUNTIME_DIR"
}

teardown() {
    [ ! -e "$XDG_RUNTIME_DIR/bailey" ] || "$BAILEY" rm --all --force >/dev/null 2>&1
    cd / && rm -rf "$place"
}

# Runs a command; $status, $output, $lines and $stderr are what came out of it.
try() {
    status=0
    "$@" >"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/errors" || status=$?
    output=$(tr -d '\0' <"$BATS_TEST_TMPDIR/output")
    stderr=$(tr -d '\0' <"$BATS_TEST_TMPDIR/errors")
    mapfile -t lines <<<"$output"
}

bailey() { try timeout 300 "$BAILEY" "$@" </dev/null; }

fail() {
    printf '%s\n' "$*" "status: $status" "output: $output" "stderr: $stderr"
    return 1
}

# The run ended with CODE, said one line that holds all the WORDS, and nothing else.
refused() { # CODE WORD...
    [ "$status" = "$1" ] || fail "expected exit code $1"
    shift
    [ -z "$output" ] || fail "nothing belongs on standard output"
    [ "$(wc -l <<<"$stderr")" = 1 ] || fail "expected one line"
    [[ $stderr == "bailey: "* ]] || fail "the line starts with bailey:"
    local word
    for word; do
        [[ $stderr == *"$word"* ]] || fail "expected '$word' in the line"
    done
}

answered() { # CODE OUTPUT
    [ "$status" = "$1" ] || fail "expected exit code $1"
    [ "$output" = "$2" ] || fail "expected output '$2'"
}

# A line of shell, and one of Python, that goes on in a resumed copy only: a save finds it there,
# however long it takes to begin.
until_resumed='while [ "$(cat /dev/bailey/generation)" = 0 ]; do sleep 0.05; done'
until_resumed_py='while open("/dev/bailey/generation").read().strip() == "0": __import__("time").sleep(0.05)'

# Waits until CONDITION holds: SECONDS on a machine of its own, and much longer on one with other work.
eventually() { # SECONDS CONDITION...
    local end=$((SECONDS + 6 * $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}
