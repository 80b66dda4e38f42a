#!/bin/bash
# usage: check.sh BUILD
#
# Format, clang-tidy, cppcheck and the design's own rules.  Ends with a failure if any of
# them has something to say.
set -u
cd "$(dirname "$0")/.."
build=$1
failed=0

step() {
    local name=$1
    shift
    echo "== $name"
    "$@" || { echo "== $name: failed"; failed=1; }
}

format() { git ls-files -z -- '*.c' '*.h' | xargs -0 -r clang-format --dry-run -Werror; }

# Only what the build compiles: its flags decide what a file means.  Tests do on purpose
# what no program should.
compiled() {
    python3 -c '
import json, os, sys
root = os.getcwd() + os.sep
files = set()
for entry in json.load(open(sys.argv[1])):
    path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
    if path.startswith(root) and path.endswith(".c") and not path.startswith(os.path.abspath(sys.argv[2])) \
            and not path.startswith(root + "tests/"):
        files.add(path)
print("\0".join(sorted(files)), end="")' "$build/compile_commands.json" "$build"
}

tidy() { compiled | xargs -0 -r -n 8 -P "$(nproc)" clang-tidy -p "$build" --quiet 2>/dev/null; }

analyse() {
    cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
        --std=c11 --library=posix --suppressions-list=tools/cppcheck.suppress \
        -I abi -I libos/include -I . -I "$build/libos" $(git ls-files -- '*.c' | grep -v '^tests/')
}

design() { tools/design.sh "$build" | tee "$build/design.tap"; ! grep -q '^not ok' "$build/design.tap"; }

step format format
step clang-tidy tidy
step cppcheck analyse
step design design
exit $failed
