# For tests that start machines.

# The newest kernel of a meta package, unpacked and not installed.
fetch() { # META DIRECTORY [modules]
    local package
    [ -z "$(ls "$2"/boot/vmlinuz-* 2>/dev/null)" ] || return 0
    package=$(apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image.*\)/\1/p' | head -n 1)
    [ -n "$package" ] || return 1
    mkdir -p "$2" && cd "$2" || return 1
    apt-get download -qq "$package" >/dev/null 2>&1 && dpkg -x ./*.deb . && rm ./*.deb || return
    [ "${3:-}" ] || rm -rf lib usr
}
