load helper

schema=$BATS_TEST_DIRNAME/../../docs/manifest.schema.json

put() { printf '%s\n' "$1" >m.json; }

@test "a manifest says what options say" {
    mkdir data
    echo hello >data/file
    put '{"program": ["sh", "-c", "echo $A; pwd; cat /data/file; touch /data/x; ulimit -n; hostname"],
          "env": {"A": "one", "B": null}, "workdir": "/tmp", "hostname": "here",
          "volumes": [{"host": "data", "guest": "/data"}],
          "limits": {"memory": "256m", "files": 40, "pids": 30, "timeout": "20s"}}'
    try "$BAILEY" run --manifest "$PWD/m.json"
    [ "$status" = 0 ]
    [ "${lines[0]}" = one ]
    [ "${lines[1]}" = /tmp ]
    [ "${lines[2]}" = hello ]
    [ "${lines[3]}" = 40 ]
    [ "${lines[4]}" = here ]
    [ ! -e data/x ] # read-only unless it says rw
    [[ "$stderr" == *"Read-only"* ]]
}

@test "options after it add to it and take its place" {
    put '{"env": {"A": "one", "B": "two"}, "hostname": "here"}'
    try "$BAILEY" run --manifest m.json -e A=three --hostname there -- sh -c 'echo $A $B; hostname'
    [ "$output" = "three two
there" ]
}

@test "volumes are relative to the manifest, and writable if it says so" {
    mkdir -p other/data
    echo '{"volumes": [{"host": "data", "guest": "/data", "mode": "rw"}]}' >other/m.json
    try "$BAILEY" run --manifest other/m.json -- touch /data/made
    [ "$status" = 0 ]
    [ -e other/data/made ]
}

@test "an unknown key, or a value of the wrong kind, is refused" {
    while read -r text; do
        put "$text"
        try "$BAILEY" run --manifest m.json -- /bin/true
        [ "$status" = 125 ]
        [ "$output" = "" ]
        [[ "$stderr" == "bailey: "*"m.json"* ]]
        [ "$(wc -l <"$BATS_TEST_TMPDIR/errors")" = 1 ]
    done <<'END'
{"volume": []}
{"limits": {"memmory": "1g"}}
{"limits": {"memory": "much"}}
{"limits": []}
{"network": {"connect": 3, "listen": 1}}
{"volumes": [{"host": "/tmp"}]}
{"volumes": [{"host": "/tmp", "guest": "/x", "rights": "rw"}]}
{"volumes": [{"host": "/tmp", "guest": "/x:rw"}]}
{"volumes": {"host": "/tmp", "guest": "/x"}}
{"env": {"A=B": "x"}}
{"env": ["A=B"]}
{"program": "sh -c true"}
{"program": ["sh", "a\u0000b"]}
{"tty": "yes"}
[]
nothing
{} {}
{"env": {"A": "b"}
END
}

@test "--print-manifest prints what says the same, and runs nothing" {
    mkdir v
    try "$BAILEY" run --print-manifest -v "$PWD/v:/v:ro" --memory 64m --net allow=192.0.2.1:80 -p 0:80 \
        --timeout 5 -e X=1 -- touch v/x
    [ "$status" = 0 ]
    [ ! -e v/x ]
    cp "$BATS_TEST_TMPDIR/output" first.json
    try "$BAILEY" run --manifest first.json --print-manifest
    [ "$status" = 0 ]
    diff "$BATS_TEST_TMPDIR/output" first.json
    [ "$(jq -r '.volumes[0].mode, .limits.memory, .network.connect[0], .env.X' first.json | tr '\n' ' ')" = \
        "ro 67108864 192.0.2.1:80 1 " ]
}

@test "by default there is nothing beyond the read-only base" {
    try "$BAILEY" run --print-manifest -- true
    [ "$(jq -c '.volumes, .network.connect, .network.publish, .limits' <"$BATS_TEST_TMPDIR/output" | tr '\n' ' ')" = \
        '[] "none" [] {} ' ]
}

valid() { # FILE...: by the published schema; 77: not there to ask
    python3 - "$schema" "$@" <<'END'
import json, sys
try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)
schema, *files = [json.load(open(path)) for path in sys.argv[1:]]
Draft202012Validator.check_schema(schema)
sys.exit(any(not Draft202012Validator(schema).is_valid(text) for text in files))
END
}

@test "the schema holds for what --print-manifest prints, and for what is read" {
    [ -e "$schema" ] || skip
    mkdir v
    try "$BAILEY" run --print-manifest -v "$PWD/v:/v" -v "$PWD/v:/w:ro" --memory 64m --pids 9 --cpus 1 --cpu-time 9 \
        --files 99 --output 1m --timeout 9 --net allow=192.0.2.1:80 --net name=n -p 0:80 -p 127.0.0.1:0:53/udp \
        --dns 192.0.2.2 --name somebody --hostname there -u 3:4 -w / --root / --read-only -e A=1 -- sh -c true
    [ "$status" = 0 ]
    cp "$BATS_TEST_TMPDIR/output" all.json
    try "$BAILEY" run --print-manifest -- true
    cp "$BATS_TEST_TMPDIR/output" least.json
    status=0
    valid all.json least.json || status=$?
    [ "$status" != 77 ] || skip "python3-jsonschema is not installed"
    [ "$status" = 0 ]
    # What the reader refuses by its form is no manifest by the schema either.
    while read -r text; do
        put "$text"
        ! valid m.json
        try "$BAILEY" run --manifest m.json --print-manifest -- true
        [ "$status" = 125 ]
    done <<'END'
{"volume": []}
{"limits": {"memmory": "1g"}}
{"limits": {"memory": "much"}}
{"limits": []}
{"network": {"connect": 3}}
{"volumes": [{"host": "/tmp"}]}
{"volumes": [{"host": "/tmp", "guest": "/x", "rights": "rw"}]}
{"volumes": [{"host": "/tmp", "guest": "/x:rw"}]}
{"env": ["A=B"]}
{"program": "sh -c true"}
{"tty": "yes"}
{"name": "a/b"}
{"workdir": "tmp"}
[]
END
}

# What a sandbox may do is in the manifest; what becomes of the run is not.
@test "every option is in the manifest, or about the run itself" {
    [ -e "$schema" ] || skip
    local run=" manifest print-manifest interactive detach rm save-on save-to trace commit flatten diff stats quiet debug "
    "$BAILEY" run --help | grep -oE -- '^ .{0,6}--[a-z][a-z-]+' | grep -oE '[a-z][a-z-]+$' | sort -u | while read -r option; do
        [[ "$run" == *" $option "* ]] && continue
        case $option in
        net) key=.network.properties.connect ;;
        publish | dns) key=.network.properties.$option ;;
        volume) key=.volumes ;;
        env-file) key='."env-files"' ;;
        memory | pids | cpus | cpu-time | files | output | timeout) key=".limits.properties.\"$option\"" ;;
        *) key=".\"$option\"" ;;
        esac
        jq -e ".properties$key" "$schema" >/dev/null || { echo "no key for --$option"; exit 1; }
    done
}

@test "the schema has every key" {
    [ -e "$schema" ] || skip
    try "$BAILEY" run --print-manifest --memory 64m --pids 9 --cpus 1 --cpu-time 9 --files 99 --output 1m --timeout 9 \
        --net host --name somebody -w / -- true
    jq -r 'paths(scalars or . == []) | map(select(type == "string")) | join(" ")' <"$BATS_TEST_TMPDIR/output" |
        grep -v '^env ' | sort -u | while read -r section key; do
        [ "$section" = volumes ] ||
            jq -e --arg s "$section" --arg k "$key" \
                '.properties[$s] | . != null and ($k == "" or .properties == null or .properties[$k] != null)' "$schema" >/dev/null ||
            { echo "no $section $key"; exit 1; }
    done
}
