#!/bin/sh
# Installs todo-bootstrap for the current user: built from the checkout that this script stands in,
# or else a published binary, whose checksum must be right.
#
# All of it is functions up to the last line, so that half a script does nothing.
set -eu

name=todo-bootstrap
page=https://github.com/todo-bootstrap/todo-bootstrap

usage() {
    cat <<'HELP'
Installs todo-bootstrap for the current user: built from the checkout that this script stands in,
or else (piped into a shell, or with --from-release) a published binary.

usage: ./install.sh [--dir DIR] [--up [ARGUMENTS...]]
       ./install.sh --from-release [VERSION] [--sha256 HEX] [--dir DIR] [--up [ARGUMENTS...]]
       ./install.sh [--dir DIR] --uninstall

  --dir DIR    where the program goes (default: $TODO_BOOTSTRAP_INSTALL_DIR,
               else ~/.local/bin)
  --from-release [VERSION]
               takes a published binary, also in a checkout (default: the latest)
  --version VERSION
               the same, with that version (default: $TODO_BOOTSTRAP_VERSION)
  --sha256 HEX the same; the archive must have this checksum, whatever SHA256SUMS says
  --up [...]   afterwards lists what will be changed (`todo-bootstrap plan ...`) and
               does it (`todo-bootstrap up --yes ...`); all that follows is given to both
  --uninstall  removes the program, if it is the one that this script installed
  --help       shows this

The checksum of what is downloaded is always compared, with --sha256 or with the release's
SHA256SUMS. Releases come from GitHub, or from $TODO_BOOTSTRAP_BASE_URL: an https:// address, a
folder, or http:// on this very machine, with the files of `cargo xtask release` in it. Proxies
are taken from https_proxy, further certificates from SSL_CERT_FILE; the settings files of curl
and wget are not read.

Neither PATH nor any file of a shell is changed, so TODO_BOOTSTRAP_NO_MODIFY_PATH is always kept.
Clusters and caches are not touched by --uninstall; `todo-bootstrap down --purge`
removes them.
HELP
}

say() { printf '%s\n' "$*" >&2; }

# fail CODE MESSAGE HELP...: says what is wrong and what mends it.
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

# digest FILE: its sha256, or nothing where no program can tell.
digest() {
    if has sha256sum; then
        sha256sum <"$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif has openssl; then
        openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    fi
}

# find_checkout: sets $source to the folder of this script, if it is a checkout. Piped into sh there
# is none; then the current folder counts.
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
    fail 3 "cargo is not on PATH; it builds the program" \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
}

# build CHECKOUT: sets $built to the program that cargo made.
build() {
    say "building $name (the first time takes minutes)"
    (cd "$1" && cargo build --release --locked -p "$name") ||
        fail 1 "the build failed, see above" "rustup update stable   (Rust 1.95 or newer is needed)"
    case ${CARGO_TARGET_DIR:-} in
        '') built=$1/target/release/$name ;;
        /*) built=$CARGO_TARGET_DIR/release/$name ;;
        *) built=$1/$CARGO_TARGET_DIR/release/$name ;;
    esac
    [ -x "$built" ] || fail 1 "cargo made no $built"
}

# clean: removes $work, and the folders that were made for it down to $stays.
clean() {
    rm -rf "$work"
    folder=${work%/*}
    while [ "$folder" != "$stays" ] && rmdir "$folder" 2>/dev/null; do
        folder=${folder%/*}
        folder=${folder:-/}
    done
}

# prepare DIR: makes DIR, and in it $work for what is not whole yet, which goes however this ends.
prepare() {
    [ ! -d "$1/$name" ] || fail 1 "$1/$name is a folder" "$self --dir DIR"
    stays=$1
    until [ -d "$stays" ]; do
        stays=${stays%/*}
        stays=${stays:-/}
    done
    mkdir -p "$1" || fail 1 "cannot create $1" "$self --dir DIR"
    for work in "$1/.$name.new."*; do
        # What a killed run left there; a run that works is left alone.
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

# put DIR: installs $work's program so that at any moment the old or the new one is there, whole.
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

# platform: sets $targets, the builds that run here, the best first.
platform() {
    system=$(uname -s)
    cpu=$(uname -m)
    case $system in
        Linux)
            case $(uname -r) in
                *-Microsoft) fail 3 "this is WSL 1, where no containers run; they do in WSL 2" \
                    "wsl --set-version DISTRIBUTION 2   (in PowerShell; wsl --list --verbose names them)" ;;
            esac
            ;;
        Darwin)
            if [ "$cpu" = x86_64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" = 1 ]; then
                say "this shell runs under Rosetta; the build for Apple silicon is taken"
                cpu=arm64
            fi
            ;;
        MINGW* | MSYS* | CYGWIN* | Windows*)
            fail 3 "this shell runs on Windows itself ($system), where this script installs nothing" \
                "wsl --install   (then this script in WSL 2; without WSL: install.ps1 in PowerShell)"
            ;;
        *) fail 3 "nothing is published for $system" "git clone $page && $name/install.sh" ;;
    esac
    case $cpu in
        x86_64 | amd64) cpu=x86_64 ;;
        aarch64 | arm64) cpu=aarch64 ;;
        *) fail 3 "nothing is published for $cpu, only for x86_64 and aarch64" "uname -m   (tells the processor)" ;;
    esac
    if [ "$(getconf LONG_BIT 2>/dev/null || :)" = 32 ]; then
        fail 3 "the kernel is a 64-bit one ($cpu), but the system on it is of 32 bits" \
            "getconf LONG_BIT   (must say 64: reinstall the 64-bit variant of the system)"
    fi
    # Builds with musl are static and run on any Linux; those with glibc are second best.
    case $system,$(libc) in
        Darwin,*) targets=$cpu-apple-darwin ;;
        *,musl) targets=$cpu-unknown-linux-musl ;;
        *) targets="$cpu-unknown-linux-musl $cpu-unknown-linux-gnu" ;;
    esac
}

# libc: "musl" where it is the system's, else "gnu" (whether a build starts is tried anyway).
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

# check_base: sets $base and $scheme; in the clear only this very machine is asked.
check_base() {
    base=${TODO_BOOTSTRAP_BASE_URL:-$page/releases}
    base=${base%/}
    scheme=${base%%://*}
    host=${base#*://}
    host=${host%%/*}
    mend="TODO_BOOTSTRAP_BASE_URL=https://HOST/PATH, or a folder"
    case $base in
        file:///*) scheme=folder base=${base#file://} ;;
        https://* | http://*)
            case $host in
                '' | *[!][A-Za-z0-9.:_-]*) fail 2 "this is no address of a server: $host" "$mend" ;;
            esac
            ;;
        *://*) fail 5 "releases are not taken by $scheme://" "$mend" ;;
        /*) scheme=folder ;;
        *) scheme=folder base=$PWD/$base ;;
    esac
    if [ "$scheme" = http ]; then
        case ${host##*:} in
            *[!0-9]* | '') ;;
            *) host=${host%:*} ;;
        esac
        case $host in
            localhost | 127.0.0.1 | '[::1]') ;;
            *) fail 5 "anybody on the way to $host could change what comes by http://" "$mend" ;;
        esac
    fi
    [ "$scheme" != folder ] || [ -d "$base" ] || fail 2 "there is no folder $base" "$mend"
}

# check_programs: what is needed to take a release; no checksum is ever left out.
check_programs() {
    for program in tar gzip uname; do
        has "$program" || fail 3 "$program is not on PATH" "apt-get install $program   (or dnf, apk, brew)"
    done
    if ! has sha256sum && ! has shasum && ! has openssl; then
        fail 3 "no program that computes sha256 is on PATH, and nothing is installed unverified" \
            "apt-get install coreutils   (sha256sum; shasum and openssl will do as well)"
    fi
    client=curl
    [ "$scheme" != folder ] && ! has curl || return 0
    has wget || fail 3 "neither curl nor wget is on PATH" "apt-get install curl   (or dnf, apk, brew)"
    client=wget
    case $(wget --version 2>/dev/null || :) in
        "GNU Wget 1."*) ;;
        *)
            # BusyBox's, for one, does not check certificates.
            [ -n "$pin" ] || fail 5 "this wget is not known to check certificates" \
                "apk add curl   (or give the archive's checksum from elsewhere: --sha256 HEX)"
            client=other
            ;;
    esac
}

# fetch PATH FILE BLOCKS: PATH below $base, of at most BLOCKS of 512 bytes, whatever a server sends.
fetch() {
    if [ "$scheme" = folder ]; then
        [ -f "$base/$1" ] || fail 1 "there is no $base/$1" "ls $base/download   (lists the versions)"
        cp "$base/$1" "$2" || fail 1 "cannot copy $base/$1"
        return
    fi
    if (
        cd "$work" || exit 1
        ulimit -f "$3"
        # This machine itself is never asked through a proxy.
        [ "$scheme" = https ] || unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
        "fetch_by_$client" "$base/$1" "$2"
    ); then
        return
    fi
    fail 1 "cannot download $base/$1, see above; nothing was installed" \
        "$page/releases   (lists the versions)" \
        "export https_proxy=http://HOST:PORT   (where a proxy is needed)"
}

# Wherever a redirect leads, it is by HTTPS.
fetch_by_curl() {
    curl -q -fsSL --proto "=https,$scheme" --proto-redir =https --tlsv1.2 --max-redirs 5 --retry 3 \
        --connect-timeout 20 --speed-limit 1 --speed-time 30 -o "$2" "$1"
}

# wget follows redirects to http:// too; with -S it says where it was led.
fetch_by_wget() {
    wget --no-config -nv -S --tries=3 --timeout=30 --max-redirect=5 \
        ${SSL_CERT_FILE:+"--ca-certificate=$SSL_CERT_FILE"} -O "$2" "$1" 2>wget.log || {
        code=$?
        grep -v '^ ' wget.log >&2
        say "wget: status $code for $1"
        return 1
    }
    if grep -qi '^ *location: *http:' wget.log; then
        say "wget: $1 redirects to http://, where anybody could have changed it"
        return 1
    fi
}

# Only with --sha256. BusyBox's own time limit is 15 minutes; with -T, version 1.35 crashes.
fetch_by_other() { wget -q -O "$2" "$1"; }

# is_version TEXT: whether it may stand in an address and in the name of a file.
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

# pick SUMS: sets $target, $archive, $version and $expected by the line of the best build in it.
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
    [ -n "$archive" ] || fail 1 "SHA256SUMS of $base names no build for this machine ($targets)" \
        "$page/releases   (lists the versions)" "git clone $page && $name/install.sh"
    found=${archive#"$name-"}
    found=${found%"-$target.tar.gz"}
    if ! is_version "$found" || ! is_sha256 "$expected"; then
        fail 5 "this line of SHA256SUMS is damaged: $expected  $archive" "$self --version VERSION"
    fi
    version=$found
    [ -z "$pin" ] || [ "$pin" = "$expected" ] || fail 5 "SHA256SUMS and --sha256 disagree about $archive
  SHA256SUMS $expected
  --sha256   $pin" "$page/releases   (look which of them is right)"
}

# older A B: whether version A comes before B, by their numbers.
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

# compare DIR: says what becomes of the version in DIR; only who names a version gets an older one.
compare() {
    old=
    [ ! -f "$1/$name" ] || [ ! -x "$1/$name" ] || old=$("$1/$name" --version 2>/dev/null </dev/null) || old=
    old=${old##* }
    is_version "$old" || return 0
    if older "$version" "$old"; then
        [ -n "$asked" ] || fail 5 "the latest release is said to be $version, but $old is installed" \
            "$self --version $version   (if the older one is wanted)"
        say "$version takes the place of $old, which is newer"
    elif [ "$version" = "$old" ]; then
        say "$version is installed already, and is installed anew"
    else
        say "$version takes the place of $old"
    fi
}

# take_release DIR: puts a published program into $work, verified and tried.
take_release() {
    asked=$version
    [ -z "$asked" ] || is_version "$asked" || fail 2 "this is no version: $asked" "$self --version 0.1.0"
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
        fail 5 "$archive is not what was published; it was removed, nothing was installed
  expected $expected
  got      $got" "$self   (again; if it stays so, something on the way changes files: see docs/SECURITY.md)"
    fi
    # To standard output only the bytes of a regular file come, never a link and never another path.
    member=$name-$version-$target/$name
    if ! tar -xzOf "$work/archive" "$member" >"$work/$name" || [ ! -s "$work/$name" ]; then
        fail 1 "$archive holds no regular file $member; nothing was installed" "$page/issues   (tell us)"
    fi
    chmod 755 "$work/$name"
    told=$("$work/$name" --version 2>"$work/log" </dev/null) || fail 1 "the build for $target does not start here; nothing was installed
  $(cat "$work/log")" "git clone $page && $name/install.sh   (builds it on this machine)" \
        "$self --dir DIR   (where $1 lies on a file system from which no programs may run)"
    case $told in
        "$name $version" | "$name $version "*) ;;
        *) fail 5 "the program calls itself \"$told\", and its archive $archive; nothing was installed" \
            "$page/issues   (tell us)" ;;
    esac
}

# uninstall DIR: only what `put` wrote there.
uninstall() {
    if [ ! -e "$1/$name" ]; then
        rm -f "$1/.$name.sha256"
        say "$1/$name is not there; nothing to remove"
        return
    fi
    if [ ! -f "$1/.$name.sha256" ]; then
        fail 5 "$1/$name was not installed by this script and stays" "rm $1/$name"
    fi
    read -r recorded <"$1/.$name.sha256" || recorded=
    if [ "$(digest "$1/$name")" != "$recorded" ]; then
        fail 5 "$1/$name is not the file that this script installed and stays" "rm $1/$name"
    fi
    rm -f "$1/$name" "$1/.$name.sha256"
    say "removed $1/$name"
}

# names_dir ARGUMENTS...: whether --dir is among them.
names_dir() {
    for argument in "$@"; do
        case $argument in
            --dir | --dir=*) return 0 ;;
        esac
    done
    return 1
}

# set_dir DIR: sets $dir to it, or to the user's own folder for programs.
set_dir() {
    dir=$1
    if [ -z "$dir" ]; then
        [ -n "${HOME:-}" ] || fail 2 "HOME is not set, so there is no ~/.local/bin" "$self --dir DIR"
        dir=$HOME/.local/bin
    fi
    case $dir in
        /*) ;;
        *) dir=$PWD/$dir ;;
    esac
}

noun() {
    case $1 in
        --dir) echo folder ;;
        --version) echo version ;;
        *) echo checksum ;;
    esac
}

# read_arguments ARGUMENTS...: sets $dir, $task, $release, $version and $pin, and $rest to how many
# arguments behind --up there are.
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
            fail 2 "there is nothing to bring up: $PWD has no application.toml" \
                "git clone $page && cd $name && ./install.sh --from-release --up"
        take_release "$dir"
    fi
    put "$dir"
    path_hint "$dir"
    if [ "$task" = up ]; then
        # Without a project of its own, it is the application of the checkout.
        [ -f application.toml ] || names_dir "$@" || set -- --dir "$source" "$@"
        say "what will be changed:"
        "$dir/$name" plan "$@"
        "$dir/$name" up --yes "$@"
    elif [ -n "$source" ] || [ -f application.toml ]; then
        say "next: $name up"
    else
        say "next: git clone $page && cd $name && $name up"
    fi
}

{ main "$@"; }
