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
