# Looking at snapshot files.  build/tests/unit/snapshot_make makes small ones.
load helper

make_one() { "$(dirname "$BAILEY")/tests/unit/snapshot_make" "$@"; }

@test "info says what a snapshot is and needs" {
    make_one a 1
    bailey snapshot info a
    [ "$status" = 0 ]
    [[ $output == *"command     sleep 1"* ]]
    [[ $output == *"CPU needs   sse4_2 avx2"* ]]
    [[ $output == *"holds       2 processes, 1 stream"* ]]
    bailey snapshot info --json a
    [ "$(jq -r '.pages, .zero_pages, .config.argv[1]' <<<"$output" | xargs)" = "18 2 1" ]
}

@test "ls lists what is in it" {
    make_one a 1
    bailey snapshot ls --ranges a
    [ "$status" = 0 ]
    [[ $output == *"process     1 0 sleep"* ]]
    [[ $output == *"400000-401000 zero"* ]]
    bailey snapshot ls --json a
    [ "$(jq -r '.memory[1].name' <<<"$output")" = "space 0" ]
}

@test "what the sandbox wrote can't harm a terminal" {
    make_one a 1 hostile
    bailey snapshot ls a
    [ "$status" = 0 ]
    [[ $output == *'process     2 1 \x1b[2J\x0a\xff\xe2\x80\xae'* ]]
    bailey snapshot info --json a
    jq . <<<"$output" >/dev/null
    ! grep -q $'\033' <<<"$output"
}

@test "verify finds harm" {
    make_one a 1
    bailey snapshot verify a
    [ "$status" = 0 ]
    [[ $output == "a: good, "* ]]
    printf x | dd of=a bs=1 seek=4100 conv=notrunc status=none
    bailey snapshot verify a
    refused 125 "a: the snapshot was changed since it was written"
    head -c 4500 a >b
    bailey snapshot verify b
    refused 125 "b: the snapshot is cut short"
    bailey snapshot verify /etc/passwd
    refused 125 "not a snapshot"
    bailey snapshot verify none
    refused 125 "none: No such file"
}

@test "a snapshot comes through a pipe" {
    make_one - 1 | cat | "$BAILEY" snapshot verify -
    make_one a 1 warm
    "$BAILEY" snapshot verify - <a
}

@test "a base is found beside it, or named, or missed" {
    make_one a 1
    make_one b 2 base a
    bailey snapshot verify b
    [ "$status" = 0 ]
    mkdir away && mv a away/
    bailey snapshot verify b
    refused 125 "its base a is missing" "--base FILE"
    bailey snapshot verify --base away/a b
    [ "$status" = 0 ]
    make_one c 1
    bailey snapshot verify --base c b
    refused 125 "c is not the base it was saved on"
    bailey snapshot info b
    [[ $output == *"base        a, digest "* ]]
}

@test "keys encrypt and sign" {
    bailey snapshot keygen k
    answered 0 ""
    [ "$(stat -c %a k)" = 600 ]
    bailey snapshot keygen k
    refused 125 "k: File exists"
    bailey snapshot keygen other
    make_one e 1 encrypt k
    make_one s 1 sign k
    bailey snapshot info e
    refused 125 "encrypted" "secret key file"
    bailey snapshot info --key other e
    refused 125 "encrypted with another key"
    bailey snapshot info --key=k e
    [[ $output == *"compressed, encrypted"* ]]
    bailey snapshot verify --signer k.pub s
    [ "$status" = 0 ]
    bailey snapshot verify --signer other.pub s
    refused 125 "signed with another key"
    bailey snapshot verify --signer k.pub --key k e
    refused 125 "not signed"
    chmod 644 k
    bailey snapshot info --key k e
    refused 125 "others may read this secret key" "chmod 600"
}

@test "diff compares pages and metadata" {
    make_one a 1
    make_one b 1
    make_one c 2
    bailey snapshot diff a b
    [ "$status" = 0 ]
    bailey snapshot diff --ranges a c
    [ "$status" = 1 ]
    [[ $output == *"meta    config      changed"* ]]
    [[ $output == *"1000-3000 changed"* ]]
    bailey snapshot diff --json a c
    [ "$status" = 1 ]
    [ "$(jq -r '.memory[0].changed' <<<"$output")" = 2 ]
}

@test "what can't be asked" {
    bailey snapshot
    refused 125 "say what to do"
    bailey snapshot burn a
    refused 125 "burn"
    bailey snapshot info
    refused 125 "needs one file"
    bailey snapshot diff a
    refused 125 "needs two files"
    bailey snapshot info --nonsense a
    refused 125 "unknown option"
}

@test "a CPU without a feature is refused" {
    make_one a 1 feature avx9000
    bailey resume a
    refused 125 "needs avx9000, this CPU hasn't it" "--cpu LEVEL"
    bailey run --cpu x86-64-v9 -- true
    refused 125 "no level" x86-64-v3
}

@test "run --cpu hides features, or says that this CPU can't" {
    bailey run --cpu x86-64-v2 -- /lib64/ld-linux-x86-64.so.2 --help
    if [ "$status" = 125 ]; then
        refused 125 --cpu
        skip "no CPUID faulting"
    fi
    [[ $output == *"x86-64-v2 (supported, searched)"* ]]
    [[ $output != *"x86-64-v3 (supported, searched)"* ]]
}

@test "a snapshot of run --cpu needs no more than the level" {
    bailey run --cpu x86-64-v2 --save-to file -- sh -c 'cat /dev/bailey/save; /lib64/ld-linux-x86-64.so.2 --help'
    [ "$status" != 125 ] || skip "no CPUID faulting"
    bailey snapshot info --json file
    [ "$(jq -r '.cpu.level[0], .cpu.xsave_size[0], .cpu.xcr0[0]' <<<"$output" | xargs)" = "x86-64-v2 576 0x3" ]
    [ "$(jq -r '.cpu.feature[]' <<<"$output" | grep -c avx)" = 0 ]
    bailey resume file
    [ "$status" = 0 ]
    [[ $output == resumed*"x86-64-v2 (supported, searched)"* ]]
    [[ $output != *"x86-64-v3 (supported, searched)"* ]]
}
