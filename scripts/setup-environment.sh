#!/usr/bin/env bash
# Make or refresh .venv from the hashed locks: setup-environment.sh [runtime|local|dev] [node]. A second call costs
# milliseconds. `local` is `runtime` with a PostgreSQL to start; `dev` is `local` with the tools that test and check;
# `node` adds Node, for systems that have none.
set -euo pipefail

kind="${1:-dev}"
node="${2:-}"
root="$(cd "$(dirname "$0")/.." && pwd -P)"
script="$root/scripts/$(basename "$0")"
cd "$root"

say() { printf '%s\n' "$*"; }

refuse() {
  printf 'EasyFlow: %s\n' "$*" >&2
  exit 1
}

# The checkout's path belongs to the stamp: the editable install and every script in .venv/bin name it.
fingerprint() {
  { printf '%s\n' "$root"; sed -n '/^\[project.scripts\]/,/^$/p' pyproject.toml; cat requirements/*.txt "$script"; } | digest
}

digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

rank() {
  case "$1" in runtime) echo 1 ;; local) echo 2 ;; dev) echo 3 ;; *) echo 0 ;; esac
}

# What .venv holds, or did before it grew old: the kind, then +node; empty when there is none.
held() { cut -d' ' -f1 .venv/easyflow.stamp 2>/dev/null || true; }

holds_node() { case "$(held)" in *+node) ;; *) return 1 ;; esac; }

# A larger environment holds all that a smaller one asks for.
is_current() {
  [ -x .venv/bin/python ] && [ -f .venv/easyflow.stamp ] || return 1
  local kind_held
  kind_held="$(held)"
  [ "$(rank "${kind_held%+node}")" -ge "$(rank "$kind")" ] || return 1
  [ -z "$node" ] || holds_node || return 1
  [ "$(cut -d' ' -f2 .venv/easyflow.stamp)" = "$(fingerprint)" ]
}

# Who has the tools for tests, or Node, keeps them when an older lock is brought up to date for less.
keep_what_is_held() {
  local kind_held
  kind_held="$(held)"
  [ "$(rank "${kind_held%+node}")" -le "$(rank "$kind")" ] || kind="${kind_held%+node}"
  ! holds_node || node=node
}

run_quietly() {
  local log="$1"
  shift
  "$@" >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    refuse "this step failed: $*"
  }
}

require_python() {
  command -v python3 >/dev/null || refuse "python3 is not here; install Python 3.11 or newer."
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    refuse "this is $(python3 --version); install Python 3.11 or newer and put it first on PATH."
}

require_venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    refuse "Python cannot make virtual environments here; install the package python3-venv and start again."
  fi
  say "Installing python3-venv ..."
  local log
  log="$(mktemp)"
  run_quietly "$log" install_venv_package
  rm -f "$log"
  python3 -c 'import ensurepip, venv' 2>/dev/null ||
    refuse "python3-venv is installed, but $(command -v python3) is another Python; put Debian's python3 first on PATH."
}

install_venv_package() {
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
}

make_environment() {
  # Half an environment, or one made for another folder, is not worth mending.
  if [ ! -x .venv/bin/uv ] || ! .venv/bin/uv --version >/dev/null 2>&1 || [ "$(cat .venv/easyflow.root 2>/dev/null)" != "$root" ]; then
    say "Making the Python environment in .venv ..."
    rm -rf .venv
    python3 -m venv .venv
    run_quietly .venv/setup.log .venv/bin/python -m pip install --require-hashes -r requirements/bootstrap.txt
    printf '%s' "$root" >.venv/easyflow.root
  fi
  local locks=("requirements/$kind.txt")
  [ -z "$node" ] || locks+=(requirements/node.txt)
  printf '%s unfinished' "$kind${node:++node}" >.venv/easyflow.stamp
  say "Installing the packages of ${locks[*]} ..."
  export VIRTUAL_ENV="$root/.venv"
  run_quietly .venv/setup.log .venv/bin/uv pip sync --compile-bytecode --require-hashes requirements/bootstrap.txt "${locks[@]}"
  run_quietly .venv/setup.log .venv/bin/uv pip install --no-deps --no-build-isolation --editable .
  printf '%s %s' "$kind${node:++node}" "$(fingerprint)" >.venv/easyflow.stamp
}

[ "$(rank "$kind")" -gt 0 ] || refuse "say runtime, local or dev, not '$kind'."
[ -z "$node" ] || [ "$node" = node ] || refuse "say node or nothing after the kind, not '$node'."
is_current && exit 0
require_python
require_venv
# Two callers at once: the second waits, and then finds the work done. The script is its own lock file, and the lock
# stays with this shell's descriptor when the program that took it has ended; not every system has flock.
exec 9<"$script"
python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
if ! is_current; then
  keep_what_is_held
  make_environment
fi
