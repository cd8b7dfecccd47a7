#!/bin/sh
# Installs todo-bootstrap for the current user: builds it from the checkout that contains this script, or
# else downloads a published binary and verifies its checksum.
#
# Everything is in functions except the last line, so that a truncated script does nothing.
set -eu

name=todo-bootstrap

# The web page of the repository that publishes releases. `cargo xtask release --page` sets it in the
# copies for a release; a checkout uses that of its git remote.
page=

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

Building requires Rust and a C compiler; if one is missing, the script prints the commands to install it.

Downloads are always verified, against SHA256SUMS of the release and against --sha256. Releases come
from $TODO_BOOTSTRAP_BASE_URL, else from the releases of the GitHub repository that the checkout was
cloned from. The variable contains an https:// URL, a directory, or an http:// URL on this machine,
with the files that `cargo xtask release` creates. The script uses the proxy in https_proxy and the
certificates in SSL_CERT_FILE, but not the configuration files of curl and wget.

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
# piped into sh), or to nothing if that is not a checkout; $page and $base to where releases are; and
# $self to a command that starts this script again.
find_checkout() {
    self=./install.sh
    case $0 in
        */install.sh | install.sh) source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) ;;
        *)
            source=$PWD
            self=
            ;;
    esac
    grep -qs "^name = \"$name\"" "$source/Cargo.toml" || source=
    [ -n "$page" ] || find_page
    base=${TODO_BOOTSTRAP_BASE_URL:-${page:+$page/releases}}
    base=${base%/}
    if [ -z "$self" ]; then
        case $base in
            *://*) self="curl -fsSL $base/latest/download/install.sh | sh -s --" ;;
            *) self="sh install.sh" ;;
        esac
    fi
}

# find_page: sets $page from the address that the checkout was cloned from, if that is on a server.
find_page() {
    [ -n "$source" ] && [ -e "$source/.git" ] && has git || return 0
    remote=$(git -C "$source" config --get remote.origin.url 2>/dev/null) || return 0
    case $remote in
        https://*/* | ssh://*/*)
            path=${remote#*://}
            server=${path%%/*}
            path=${path#*/}
            ;;
        [!/.]*:[!/]*)
            server=${remote%%:*}
            path=${remote#*:}
            ;;
        *) return 0 ;;
    esac
    # Without a user name, which may come with a password, and without the port of ssh.
    server=${server##*@}
    case $remote in
        https://*) ;;
        *) server=${server%%:*} ;;
    esac
    path=${path%/}
    path=${path%.git}
    case $server/$path in
        *[!A-Za-z0-9.:/_-]*) ;;
        *) page=https://$server/$path ;;
    esac
}

# clone_hint: prints how to get a checkout and to build the program in it.
clone_hint() {
    if [ -n "$source" ]; then
        echo "$source/install.sh   # builds it on this machine"
    elif [ -n "$page" ]; then
        echo "git clone $page $name && $name/install.sh   # builds it on this machine"
    else
        echo "clone the repository of $name and run its install.sh, which builds it on this machine"
    fi
}

# report_hint: prints where to report a faulty release.
report_hint() {
    if [ -n "$page" ]; then echo "report this at $page/issues"; else echo "report this to the publisher of $base"; fi
}

# c_hint: prints the command that installs a C compiler on this system.
c_hint() {
    sudo=
    [ "$(id -u)" = 0 ] || sudo='sudo '
    if [ "$(uname -s)" = Darwin ]; then
        echo 'xcode-select --install'
    elif has apt-get; then
        echo "${sudo}apt-get install -y gcc libc6-dev"
    elif has dnf; then
        echo "${sudo}dnf install -y gcc"
    elif has zypper; then
        echo "${sudo}zypper install -y gcc"
    elif has pacman; then
        echo "${sudo}pacman -S --needed --noconfirm gcc"
    elif has apk; then
        echo "${sudo}apk add gcc musl-dev"
    else
        echo 'install a C compiler with its standard headers; the command must be called cc'
    fi
}

# rust_hint: prints the command that installs Rust for the current user.
rust_hint() {
    get="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs"
    has curl || ! has wget || get='wget -qO- https://sh.rustup.rs'
    echo "$get | sh -s -- -y && . \"\$HOME/.cargo/env\""
}

# check_toolchain CHECKOUT: exits with everything that is missing for a build, before it starts.
check_toolchain() {
    if ! has cargo && [ -n "${HOME:-}" ] && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
        export PATH
    fi
    wanted=$(grep '^rust-version = "' "$1/Cargo.toml" | cut -d '"' -f 2)
    rust='' compiler=''
    if ! has cargo || ! has rustc; then
        rust='cargo and rustc are not on PATH'
        rust_help=$(rust_hint)
    elif ! found=$(cd "$1" && rustc --version 2>&1); then
        rust="rustc does not run ($found)"
        rust_help='rustup default stable'
    else
        found=${found#rustc }
        found=${found%% *}
        if older "$found" "$wanted"; then
            rust="Rust $wanted or newer is required, and $found is installed"
            rust_help='rustup update stable'
            has rustup || rust_help=$(rust_hint)
        fi
    fi
    # The command may contain arguments.
    # shellcheck disable=SC2086
    printf '#include <stdlib.h>\n' | ${CC:-cc} -fsyntax-only -x c - >/dev/null 2>&1 ||
        compiler="there is no working C compiler (${CC:-cc})"
    case $rust,$compiler in
        ,) ;;
        ,*) cannot_build "$compiler" "$(c_hint)" ;;
        *,) cannot_build "$rust" "$rust_help" ;;
        *) cannot_build "$rust; $compiler" "$rust_help" "$(c_hint)" ;;
    esac
}

# cannot_build PROBLEMS HELP...
cannot_build() {
    problems=$1
    shift
    [ -z "$base" ] || set -- "$@" "$self --from-release   # if there is a release: installs it instead"
    fail 3 "cannot build $name: $problems" "$@"
}

# build CHECKOUT: builds the program and sets $built to its path. TODO_BOOTSTRAP_BUILD_PROFILE is cargo's profile.
build() {
    say "building $name (the first build takes several minutes)"
    # cargo reports where it puts the program: that depends on its configuration and several variables.
    messages=$(cd "$1" && cargo build --profile "${TODO_BOOTSTRAP_BUILD_PROFILE:-release}" --locked -p "$name" \
        --message-format json-render-diagnostics) ||
        fail 1 "the build failed, see above" "$self   # tries again and continues where the build stopped"
    built=$(printf '%s\n' "$messages" | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
    [ -x "$built" ] || fail 1 "cargo did not create the program" "$self"
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
        *) fail 3 "there is no published build for $system" "$(clone_hint)" ;;
    esac
    case $cpu in
        x86_64 | amd64) cpu=x86_64 ;;
        aarch64 | arm64) cpu=aarch64 ;;
        *) fail 3 "there is no published build for $cpu, only for x86_64 and aarch64" "$(clone_hint)" ;;
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
    fix="TODO_BOOTSTRAP_BASE_URL=https://HOST/PATH   # or a directory"
    [ -n "$base" ] || fail 2 "the address of the releases is unknown" "$fix" "$(clone_hint)"
    scheme=${base%%://*}
    host=${base#*://}
    host=${host%%/*}
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
        "choose a version from $base" \
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
        "choose a version from $base" "$(clone_hint)"
    found=${archive#"$name-"}
    found=${found%"-$target.tar.gz"}
    if ! is_version "$found" || ! is_sha256 "$expected"; then
        fail 5 "invalid line in SHA256SUMS: $expected  $archive" "$self --version VERSION"
    fi
    version=$found
    [ -z "$pin" ] || [ "$pin" = "$expected" ] || fail 5 "SHA256SUMS and --sha256 differ for $archive
  SHA256SUMS $expected
  --sha256   $pin" "compare both with the checksum that the publisher announces"
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
        fail 1 "$archive does not contain the regular file $member; nothing was installed" "$(report_hint)"
    fi
    chmod 755 "$work/$name"
    reported=$("$work/$name" --version 2>"$work/log" </dev/null) || fail 1 "the build for $target does not run on this machine; nothing was installed
  $(cat "$work/log")" "$(clone_hint)" \
        "$self --dir DIR   # if $1 is mounted with noexec"
    case $reported in
        "$name $version" | "$name $version "*) ;;
        *) fail 5 "$archive contains \"$reported\"; nothing was installed" "$(report_hint)" ;;
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
        check_toolchain "$source"
        build "$source"
        prepare "$dir"
        cp "$built" "$work/$name" || fail 1 "cannot write to $dir" "$self --dir DIR"
    else
        if [ "$task" = up ] && [ -z "$source" ] && [ ! -f application.toml ] && ! names_dir "$@"; then
            help="$self --up --dir PROJECT"
            [ -z "$page" ] || help="git clone $page $name && cd $name && ./install.sh --from-release --up"
            fail 2 "there is nothing to start: $PWD has no application.toml" "$help"
        fi
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
    elif [ -n "$page" ]; then
        say "next: git clone $page $name && cd $name && $name up"
    else
        say "next: $name up   # in a directory with an application.toml"
    fi
}

{ main "$@"; }
