#!/bin/sh
# Builds todo-bootstrap from this checkout and installs it for the current user.
set -eu

name=todo-bootstrap

usage() {
    cat <<'HELP'
Builds todo-bootstrap from this checkout and installs it for the current user.

usage: ./install.sh [--dir DIR] [--up [ARGUMENTS...]]
       ./install.sh [--dir DIR] --uninstall

  --dir DIR    where the program goes (default: $TODO_BOOTSTRAP_INSTALL_DIR,
               else ~/.local/bin)
  --up [...]   afterwards lists what will be changed (`todo-bootstrap plan ...`) and
               does it (`todo-bootstrap up --yes ...`); all that follows is given to both
  --uninstall  removes the program, if it is the one that this script installed
  --help       shows this

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

# digest FILE: its sha256, or nothing where no program can tell.
digest() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

# checkout: the folder of this script. Piped into sh there is none; then the current folder counts.
checkout() {
    here=$PWD
    case $0 in
        */install.sh | install.sh) here=$(cd "$(dirname "$0")" && pwd) ;;
    esac
    if ! grep -qs "^name = \"$name\"" "$here/Cargo.toml"; then
        fail 2 "$here is no checkout of $name" \
            "git clone https://github.com/todo-bootstrap/todo-bootstrap && cd todo-bootstrap && ./install.sh"
    fi
    printf '%s\n' "$here"
}

need_cargo() {
    command -v cargo >/dev/null 2>&1 && return
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

# put PROGRAM DIR: installs it so that at any moment the old or the new one is there, whole.
put() {
    mkdir -p "$2" || fail 1 "cannot create $2" "./install.sh --dir DIR"
    [ ! -d "$2/$name" ] || fail 1 "$2/$name is a folder" "./install.sh --dir DIR"
    new=$2/.$name.new.$$
    trap 'rm -f "$new"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if ! cp "$1" "$new" || ! chmod 755 "$new"; then
        fail 1 "cannot write to $2" "./install.sh --dir DIR"
    fi
    digest "$new" >"$2/.$name.sha256"
    mv -f "$new" "$2/$name" || fail 1 "cannot replace $2/$name"
    trap - EXIT INT TERM HUP
    say "installed $2/$name"
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

main() {
    dir=${TODO_BOOTSTRAP_INSTALL_DIR:-}
    task=install
    while [ $# -gt 0 ]; do
        case $1 in
            --dir)
                [ -n "${2:-}" ] || fail 2 "--dir needs a folder" "./install.sh --help"
                dir=$2
                shift
                ;;
            --dir=?*) dir=${1#--dir=} ;;
            --uninstall) task=uninstall ;;
            --up)
                task=up
                shift
                break
                ;;
            -h | --help)
                usage
                return
                ;;
            *)
                usage >&2
                fail 2 "unknown option: $1" "./install.sh --help"
                ;;
        esac
        shift
    done
    if [ -z "$dir" ]; then
        [ -n "${HOME:-}" ] || fail 2 "HOME is not set, so there is no ~/.local/bin" "./install.sh --dir DIR"
        dir=$HOME/.local/bin
    fi
    case $dir in
        /*) ;;
        *) dir=$PWD/$dir ;;
    esac
    if [ "$task" = uninstall ]; then
        uninstall "$dir"
        return
    fi
    source=$(checkout)
    need_cargo
    build "$source"
    put "$built" "$dir"
    path_hint "$dir"
    if [ "$task" = up ]; then
        # Without a project of its own, it is the application of the checkout.
        [ -f application.toml ] || names_dir "$@" || set -- --dir "$source" "$@"
        say "what will be changed:"
        "$dir/$name" plan "$@"
        "$dir/$name" up --yes "$@"
    else
        say "next: $name up"
    fi
}

main "$@"
