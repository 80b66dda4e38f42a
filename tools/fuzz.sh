#!/bin/bash
# usage: fuzz.sh BUILD SECONDS [FUZZER...]
#
# Every parser of outside data under libFuzzer, with address and undefined-behaviour
# sanitizers, for so many seconds each; TAP.  What was found lies in BUILD-fuzz/findings,
# inputs worth keeping in BUILD-fuzz/corpus (those of the tree, tests/fuzz/corpus, are where
# it starts from).
set -u
cd "$(dirname "$0")/.."
build=$(realpath -m "$1")-fuzz
seconds=$2
shift 2
fuzzers=${*:-message elf manifest options erofs config snapshot dns}

if ! command -v clang >/dev/null || ! echo 'int LLVMFuzzerTestOneInput(){return 0;}' |
    clang -x c -fsanitize=fuzzer -o /dev/null - 2>/dev/null; then
    echo "ok - fuzzing # SKIP without clang and its libFuzzer"
    exit 0
fi
if ! [ -e "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dlibfuzzer=true -Dwerror=false -Db_lundef=false >/dev/null || exit 1
fi
for name in $fuzzers; do
    targets+=("tests/fuzz/${name}_fuzz")
done
if ! ninja -C "$build" "${targets[@]}" >"$build/fuzz.log" 2>&1; then
    tail -20 "$build/fuzz.log"
    echo "not ok - the fuzzers do not build"
    exit 1
fi

mkdir -p "$build/findings"
status=0
for name in $fuzzers; do
    seeds=tests/fuzz/corpus/$name
    [ "$name" != dns ] || seeds=tests/fuzz/corpus/names
    mkdir -p "$build/corpus/$name"
    # A real directory of its own: what a fuzzer makes there goes with it.
    scratch=$(mktemp -d)
    TMPDIR=$scratch timeout -k 10 $((seconds + 120)) "$build/tests/fuzz/${name}_fuzz" \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" "$seeds" >"$build/$name.log" 2>&1
    code=$?
    rm -rf "$scratch"
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
    if [ $code = 0 ]; then
        echo "ok - fuzz $name: ${executions:-no} executions, nothing found"
    else
        echo "not ok - fuzz $name: code $code, see $build/$name.log"
        grep -E 'ERROR|SUMMARY|Test unit' "$build/$name.log" | head -5 | sed 's/^/# /'
        status=1
    fi
done
exit $status
