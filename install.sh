#!/bin/sh
# Installs todo-bootstrap for the current user: builds it from the checkout that contains this script, or
# else downloads a published binary and verifies its checksum.
#
# Everything is in functions except the last line, so that a truncated script does nothing.
set -eu

name=todo-bootstrap
page=https://github.com/todo-bootstrap/todo-bootstrap

usage() {
    cat <<'HELP'
Installs todo-bootstrap for the current user: builds it from the checkout that contains this script,
or (if piped into a shell, or with --from-release) downloads a published binary.

usage: ./install.sh [--dir DIR] [--up [ARGUMENTS...]]
       ./install.sh --from-release [VERSION] [--sha256 HEX] [--dir DIR] [--up [ARGUMENTS...]]
       ./install.sh [--dir DIR] --uninstall

  --dir DIR    the directory to install to (default: $TODO_BOOTSTRAP_INSTALL_DIR,
               else ~/.local/bin)
  --from-release [VERSION]
               download a published binary even in a checkout (default: the latest)
  --version VERSION
               the same, with this version (default: $TODO_BOOTSTRAP_VERSION)
  --sha256 HEX the same; the archive must also have this checksum
  --up [...]   afterwards, show the planned changes (`todo-bootstrap plan ...`) and
               apply them (`todo-bootstrap up --yes ...`); passes all further arguments to both
  --uninstall  remove the program if this script installed it
  --help       show this help

Downloads are always verified, against SHA256SUMS of the release and against --sha256. Releases come
from GitHub or from $TODO_BOOTSTRAP_BASE_URL: an https:// URL, a directory, or an http:// URL on this
machine, with the files that `cargo xtask release` creates. The script uses the proxy in https_proxy
and the certificates in SSL_CERT_FILE, but not the configuration files of curl and wget.

The script does not change PATH or any shell configuration file (TODO_BOOTSTRAP_NO_MODIFY_PATH is
always in effect). --uninstall keeps clusters and caches; `todo-bootstrap down --purge` removes them.
HELP
}

say() { printf '%s\n' "$*" >&2; }

# fail CODE MESSAGE HELP...: prints an error with help lines, and exits.
fail() {
    code=$1
    say "error: $2"
    shift 2
    for line in "$@"; do
        say "  help: $line"
    done
    exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

# digest FILE: prints its sha256, or nothing if no program can compute it.
digest() {
    if has sha256sum; then
        sha256sum <"$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif has openssl; then
        openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    fi
}

# find_checkout: sets $source to the directory of this script (the current directory if the script is
# piped into sh), or to nothing if that is not a checkout.
find_checkout() {
    self=./install.sh
    case $0 in
        */install.sh | install.sh) source=$(cd "$(dirname "$0")" && pwd) ;;
        *)
            source=$PWD
            self="curl -fsSL $page/releases/latest/download/install.sh | sh -s --"
            ;;
    esac
    grep -qs "^name = \"$name\"" "$source/Cargo.toml" || source=
}

need_cargo() {
    has cargo && return
    if [ -n "${HOME:-}" ] && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
        export PATH
        return
    fi
    fail 3 "cargo is not on PATH; it is needed to build the program" \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
}

# build CHECKOUT: builds the program and sets $built to its path. TODO_BOOTSTRAP_BUILD_PROFILE is cargo's profile.
build() {
    profile=${TODO_BOOTSTRAP_BUILD_PROFILE:-release}
    say "building $name (the first build takes several minutes)"
    (cd "$1" && cargo build --profile "$profile" --locked -p "$name") ||
        fail 1 "the build failed, see above" "rustup update stable   # Rust 1.95 or newer is required"
    case ${CARGO_TARGET_DIR:-} in
        '') built=$1/target/$profile/$name ;;
        /*) built=$CARGO_TARGET_DIR/$profile/$name ;;
        *) built=$1/$CARGO_TARGET_DIR/$profile/$name ;;
    esac
    [ -x "$built" ] || fail 1 "cargo did not create $built"
}

# clean: removes $work and the directories that were created for it, up to $stays.
clean() {
    rm -rf "$work"
    folder=${work%/*}
    while [ "$folder" != "$stays" ] && rmdir "$folder" 2>/dev/null; do
        folder=${folder%/*}
        folder=${folder:-/}
    done
}

# prepare DIR: creates DIR and a work directory $work in it, which is removed on exit.
prepare() {
    [ ! -d "$1/$name" ] || fail 1 "$1/$name is a directory" "$self --dir DIR"
    stays=$1
    until [ -d "$stays" ]; do
        stays=${stays%/*}
        stays=${stays:-/}
    done
    mkdir -p "$1" || fail 1 "cannot create $1" "$self --dir DIR"
    for work in "$1/.$name.new."*; do
        # Remove what killed runs left behind, but not the directories of active runs.
        case ${work##*.} in
            *[!0-9]*) ;;
            "$$") rm -rf "$work" ;;
            *) kill -0 "${work##*.}" 2>/dev/null || rm -rf "$work" ;;
        esac
    done
    work=$1/.$name.new.$$
    trap clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    (umask 077 && mkdir "$work") || fail 1 "cannot write to $1" "$self --dir DIR"
}

# put DIR: installs the program from $work, replacing an old one atomically.
put() {
    chmod 755 "$work/$name" || fail 1 "cannot write to $1" "$self --dir DIR"
    digest "$work/$name" >"$work/sha256"
    mv -f "$work/sha256" "$1/.$name.sha256" || fail 1 "cannot write to $1" "$self --dir DIR"
    mv -f "$work/$name" "$1/$name" || fail 1 "cannot replace $1/$name"
    stays=$1
    clean
    trap - EXIT INT TERM HUP
    say "installed $1/$name"
}

path_hint() {
    case :$PATH: in
        *":$1:"*) return ;;
    esac
    say "$1 is not on PATH; to add it:"
    case ${SHELL:-} in
        */zsh) say "  echo 'export PATH=\"$1:\$PATH\"' >> ~/.zshrc && . ~/.zshrc" ;;
        */fish) say "  fish_add_path '$1'" ;;
        */bash) say "  echo 'export PATH=\"$1:\$PATH\"' >> ~/.bashrc && . ~/.bashrc" ;;
        *) say "  export PATH=\"$1:\$PATH\"" ;;
    esac
}

# platform: sets $targets to the builds that run on this machine, the preferred one first.
platform() {
    system=$(uname -s)
    cpu=$(uname -m)
    case $system in
        Linux)
            case $(uname -r) in
                *-Microsoft) fail 3 "this is WSL 1, which cannot run containers; use WSL 2" \
                    "wsl --set-version DISTRIBUTION 2   # in PowerShell; wsl --list --verbose shows the names" ;;
            esac
            ;;
        Darwin)
            if [ "$cpu" = x86_64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" = 1 ]; then
                say "this shell runs under Rosetta; using the build for Apple silicon"
                cpu=arm64
            fi
            ;;
        MINGW* | MSYS* | CYGWIN* | Windows*)
            fail 3 "this is a Windows shell ($system), which this script does not support" \
                "wsl --install   # then run this script in WSL 2; without WSL, run install.ps1 in PowerShell"
            ;;
        *) fail 3 "there is no published build for $system" "git clone $page && $name/install.sh" ;;
    esac
    case $cpu in
        x86_64 | amd64) cpu=x86_64 ;;
        aarch64 | arm64) cpu=aarch64 ;;
        *) fail 3 "there is no published build for $cpu, only for x86_64 and aarch64" "git clone $page && $name/install.sh" ;;
    esac
    if [ "$(getconf LONG_BIT 2>/dev/null || :)" = 32 ]; then
        fail 3 "the kernel is 64-bit ($cpu), but the operating system is 32-bit" \
            "install the 64-bit variant of the operating system"
    fi
    # musl builds are static and run on any Linux, so they are preferred to glibc builds.
    case $system,$(libc) in
        Darwin,*) targets=$cpu-apple-darwin ;;
        *,musl) targets=$cpu-unknown-linux-musl ;;
        *) targets="$cpu-unknown-linux-musl $cpu-unknown-linux-gnu" ;;
    esac
}

# libc: prints "musl" if the system uses it, else "gnu" (a wrong guess is found when the program is run).
libc() {
    case $(ldd --version 2>&1 || :) in
        *musl*) echo musl ;;
        *GLIBC* | *"GNU libc"*) echo gnu ;;
        *)
            for loader in /lib/ld-musl-*; do
                if [ -e "$loader" ]; then echo musl; else echo gnu; fi
                return
            done
            ;;
    esac
}

# check_base: sets $base and $scheme; plain http is allowed only for this machine.
check_base() {
    base=${TODO_BOOTSTRAP_BASE_URL:-$page/releases}
    base=${base%/}
    scheme=${base%%://*}
    host=${base#*://}
    host=${host%%/*}
    fix="TODO_BOOTSTRAP_BASE_URL=https://HOST/PATH   # or a directory"
    case $base in
        file:///*) scheme=dir base=${base#file://} ;;
        https://* | http://*)
            case $host in
                '' | *[!][A-Za-z0-9.:_-]*) fail 2 "invalid host name in TODO_BOOTSTRAP_BASE_URL: $host" "$fix" ;;
            esac
            ;;
        *://*) fail 5 "$scheme:// is not supported for releases" "$fix" ;;
        /*) scheme=dir ;;
        *) scheme=dir base=$PWD/$base ;;
    esac
    if [ "$scheme" = http ]; then
        case ${host##*:} in
            *[!0-9]* | '') ;;
            *) host=${host%:*} ;;
        esac
        case $host in
            localhost | 127.0.0.1 | '[::1]') ;;
            *) fail 5 "http:// is not secure for $host: downloads could be modified in transit" "$fix" ;;
        esac
    fi
    [ "$scheme" != dir ] || [ -d "$base" ] || fail 2 "no such directory: $base" "$fix"
}

# check_programs: checks the programs that downloading needs. Checksums are never skipped.
check_programs() {
    for program in tar gzip uname; do
        has "$program" || fail 3 "$program is not on PATH" "apt-get install $program   # or dnf, apk, brew"
    done
    if ! has sha256sum && ! has shasum && ! has openssl; then
        fail 3 "sha256sum is not on PATH, nor shasum or openssl; the download cannot be verified" \
            "apt-get install coreutils   # or dnf, apk, brew"
    fi
    client=curl
    [ "$scheme" != dir ] && ! has curl || return 0
    has wget || fail 3 "neither curl nor wget is on PATH" "apt-get install curl   # or dnf, apk, brew"
    client=wget
    case $(wget --version 2>/dev/null || :) in
        "GNU Wget 1."*) ;;
        *)
            # The wget of BusyBox, for example, does not verify certificates.
            [ -n "$pin" ] || fail 5 "this wget may not verify certificates" \
                "apk add curl   # or pass the checksum of the archive from a trusted source: --sha256 HEX"
            client=other
            ;;
    esac
}

# fetch PATH FILE BLOCKS: downloads $base/PATH to FILE, at most BLOCKS blocks of 512 bytes.
fetch() {
    if [ "$scheme" = dir ]; then
        [ -f "$base/$1" ] || fail 1 "no such file: $base/$1" "ls $base/download   # lists the versions"
        cp "$base/$1" "$2" || fail 1 "cannot copy $base/$1"
        return
    fi
    if (
        cd "$work" || exit 1
        ulimit -f "$3"
        # Do not use a proxy for this machine.
        [ "$scheme" = https ] || unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
        "fetch_by_$client" "$base/$1" "$2"
    ); then
        return
    fi
    fail 1 "cannot download $base/$1, see above; nothing was installed" \
        "choose a version from $page/releases" \
        "export https_proxy=http://HOST:PORT   # if a proxy is required"
}

# Redirects must use HTTPS.
fetch_by_curl() {
    curl -q -fsSL --proto "=https,$scheme" --proto-redir =https --tlsv1.2 --max-redirs 5 --retry 3 \
        --connect-timeout 20 --speed-limit 1 --speed-time 30 -o "$2" "$1"
}

# wget also follows redirects to http://; -S logs them.
fetch_by_wget() {
    wget --no-config -nv -S --tries=3 --timeout=30 --max-redirect=5 \
        ${SSL_CERT_FILE:+"--ca-certificate=$SSL_CERT_FILE"} -O "$2" "$1" 2>wget.log || {
        code=$?
        grep -v '^ ' wget.log >&2
        say "wget: exit status $code for $1"
        return 1
    }
    if grep -qi '^ *location: *http:' wget.log; then
        say "wget: $1 redirects to http://, which is not secure"
        return 1
    fi
}

# Used only with --sha256. BusyBox has a time limit of 15 minutes; its version 1.35 crashes with -T.
fetch_by_other() { wget -q -O "$2" "$1"; }

# is_version TEXT: whether TEXT is a version that is safe in URLs and file names.
is_version() {
    case $1 in
        *[!0-9A-Za-z.+-]*) return 1 ;;
        [0-9]*.[0-9]*) return 0 ;;
        *) return 1 ;;
    esac
}

is_sha256() {
    [ ${#1} -eq 64 ] || return 1
    case $1 in
        *[!0-9a-f]*) return 1 ;;
    esac
}

# pick SUMS: sets $target, $archive, $version and $expected to the preferred build in SUMS.
pick() {
    for target in $targets; do
        archive=
        while read -r hex file || [ -n "$hex" ]; do
            file=${file#\*}
            case $file in
                "$name-"*"-$target.tar.gz") ;;
                *) continue ;;
            esac
            [ -z "$version" ] || [ "$file" = "$name-$version-$target.tar.gz" ] || continue
            [ -z "$archive" ] || fail 5 "SHA256SUMS has two lines for $target" "$self --version VERSION"
            archive=$file expected=$hex
        done <"$1"
        [ -z "$archive" ] || break
    done
    [ -n "$archive" ] || fail 1 "SHA256SUMS of $base has no build for this machine ($targets)" \
        "choose a version from $page/releases" "git clone $page && $name/install.sh"
    found=${archive#"$name-"}
    found=${found%"-$target.tar.gz"}
    if ! is_version "$found" || ! is_sha256 "$expected"; then
        fail 5 "invalid line in SHA256SUMS: $expected  $archive" "$self --version VERSION"
    fi
    version=$found
    [ -z "$pin" ] || [ "$pin" = "$expected" ] || fail 5 "SHA256SUMS and --sha256 differ for $archive
  SHA256SUMS $expected
  --sha256   $pin" "compare both with the checksum at $page/releases"
}

# older A B: whether version A is older than version B.
older() {
    a=${1%%[-+]*}. b=${2%%[-+]*}.
    while [ -n "$a" ] && [ -n "$b" ]; do
        case ${a%%.*}${b%%.*} in
            '' | *[!0-9]*) return 1 ;;
        esac
        [ "${a%%.*}" -ge "${b%%.*}" ] || return 0
        [ "${a%%.*}" -le "${b%%.*}" ] || return 1
        a=${a#*.} b=${b#*.}
    done
    return 1
}

# compare DIR: compares $version with the one in DIR. A downgrade requires an explicit version.
compare() {
    old=
    [ ! -f "$1/$name" ] || [ ! -x "$1/$name" ] || old=$("$1/$name" --version 2>/dev/null </dev/null) || old=
    old=${old##* }
    is_version "$old" || return 0
    if older "$version" "$old"; then
        [ -n "$asked" ] || fail 5 "the latest release is $version, but the newer version $old is installed" \
            "$self --version $version   # installs the older version"
        say "replacing $old with the older version $version"
    elif [ "$version" = "$old" ]; then
        say "$version is already installed; reinstalling it"
    else
        say "replacing $old with $version"
    fi
}

# take_release DIR: downloads a published program to $work, verifies it and runs it once.
take_release() {
    asked=$version
    [ -z "$asked" ] || is_version "$asked" || fail 2 "invalid version: $asked" "$self --version 0.1.0"
    [ -z "$pin" ] || is_sha256 "$pin" || fail 2 "--sha256 needs 64 hexadecimal digits" "sha256sum ARCHIVE"
    check_base
    check_programs
    platform
    prepare "$1"
    from=latest/download
    [ -z "$asked" ] || from=download/v$asked
    fetch "$from/SHA256SUMS" "$work/SHA256SUMS" 128
    pick "$work/SHA256SUMS"
    compare "$1"
    say "downloading $base/download/v$version/$archive"
    fetch "download/v$version/$archive" "$work/archive" 409600
    got=$(digest "$work/archive")
    if [ "$got" != "$expected" ]; then
        fail 5 "the checksum of $archive is wrong; it was deleted, nothing was installed
  expected $expected
  got      $got" "$self   # try again; if the error persists, see docs/SECURITY.md"
    fi
    # With -O, tar prints only the content of a regular file: it creates no links and no other paths.
    member=$name-$version-$target/$name
    if ! tar -xzOf "$work/archive" "$member" >"$work/$name" || [ ! -s "$work/$name" ]; then
        fail 1 "$archive does not contain the regular file $member; nothing was installed" "report this at $page/issues"
    fi
    chmod 755 "$work/$name"
    reported=$("$work/$name" --version 2>"$work/log" </dev/null) || fail 1 "the build for $target does not run on this machine; nothing was installed
  $(cat "$work/log")" "git clone $page && $name/install.sh   # builds it on this machine" \
        "$self --dir DIR   # if $1 is mounted with noexec"
    case $reported in
        "$name $version" | "$name $version "*) ;;
        *) fail 5 "$archive contains \"$reported\"; nothing was installed" "report this at $page/issues" ;;
    esac
}

# uninstall DIR: removes only what `put` wrote to DIR.
uninstall() {
    if [ ! -e "$1/$name" ]; then
        rm -f "$1/.$name.sha256"
        say "$1/$name does not exist; nothing to remove"
        return
    fi
    if [ ! -f "$1/.$name.sha256" ]; then
        fail 5 "$1/$name was not installed by this script and was not removed" "rm $1/$name"
    fi
    read -r recorded <"$1/.$name.sha256" || recorded=
    if [ "$(digest "$1/$name")" != "$recorded" ]; then
        fail 5 "$1/$name has changed since this script installed it and was not removed" "rm $1/$name"
    fi
    rm -f "$1/$name" "$1/.$name.sha256"
    say "removed $1/$name"
}

# names_dir ARGUMENTS...: whether they contain --dir.
names_dir() {
    for argument in "$@"; do
        case $argument in
            --dir | --dir=*) return 0 ;;
        esac
    done
    return 1
}

# set_dir DIR: sets $dir to the absolute path of DIR (default: ~/.local/bin).
set_dir() {
    dir=$1
    if [ -z "$dir" ]; then
        [ -n "${HOME:-}" ] || fail 2 "HOME is not set" "$self --dir DIR"
        dir=$HOME/.local/bin
    fi
    case $dir in
        /*) ;;
        *) dir=$PWD/$dir ;;
    esac
}

noun() {
    case $1 in
        --dir) echo directory ;;
        --version) echo version ;;
        *) echo checksum ;;
    esac
}

# read_arguments ARGUMENTS...: sets $dir, $task, $release, $version and $pin, and $rest to the number of
# arguments after --up.
read_arguments() {
    task=install release='' rest=0
    dir=${TODO_BOOTSTRAP_INSTALL_DIR:-}
    version=${TODO_BOOTSTRAP_VERSION:-}
    pin=
    while [ $# -gt 0 ]; do
        case $1 in
            --dir=?* | --version=?* | --sha256=?* | --from-release=?*)
                option=${1%%=*} value=${1#*=}
                shift
                set -- "$option" "$value" "$@"
                ;;
        esac
        case $1 in
            --dir | --version | --sha256)
                [ -n "${2:-}" ] || fail 2 "$1 needs a $(noun "$1")" "$self --help"
                case $1 in
                    --dir) dir=$2 ;;
                    --version) release=yes version=$2 ;;
                    --sha256) release=yes pin=$2 ;;
                esac
                shift
                ;;
            --from-release)
                release=yes
                case ${2:-} in
                    '' | -*) ;;
                    *)
                        version=$2
                        shift
                        ;;
                esac
                ;;
            --uninstall) task=uninstall ;;
            --up)
                task=up
                rest=$(($# - 1))
                break
                ;;
            -h | --help) task=help ;;
            *)
                usage >&2
                fail 2 "unknown option: $1" "$self --help"
                ;;
        esac
        shift
    done
    version=${version#v}
}

main() {
    find_checkout
    read_arguments "$@"
    if [ "$task" = help ]; then
        usage
        return
    fi
    shift $(($# - rest))
    set_dir "$dir"
    if [ "$task" = uninstall ]; then
        uninstall "$dir"
        return
    fi
    if [ -n "$source" ] && [ -z "$release" ]; then
        need_cargo
        build "$source"
        prepare "$dir"
        cp "$built" "$work/$name" || fail 1 "cannot write to $dir" "$self --dir DIR"
    else
        [ "$task" != up ] || [ -n "$source" ] || [ -f application.toml ] || names_dir "$@" ||
            fail 2 "there is nothing to start: $PWD has no application.toml" \
                "git clone $page && cd $name && ./install.sh --from-release --up"
        take_release "$dir"
    fi
    put "$dir"
    path_hint "$dir"
    if [ "$task" = up ]; then
        # Default to the application in the checkout.
        [ -f application.toml ] || names_dir "$@" || set -- --dir "$source" "$@"
        say "planned changes:"
        "$dir/$name" plan "$@"
        "$dir/$name" up --yes "$@"
    elif [ -n "$source" ] || [ -f application.toml ]; then
        say "next: $name up"
    else
        say "next: git clone $page && cd $name && $name up"
    fi
}

{ main "$@"; }
