#!/usr/bin/env bash
# Put the packages of frontend/package-lock.json into frontend/node_modules: setup-frontend.sh [serve|all]. A second call
# costs milliseconds. `serve` is what building and serving the dashboard needs; `all` adds what tests and checks it.
set -euo pipefail

kind="${1:-serve}"
root="$(cd "$(dirname "$0")/.." && pwd -P)"
script="$root/scripts/$(basename "$0")"
cd "$root/frontend"
stamp=node_modules/.easyflow.stamp

refuse() {
  printf 'EasyFlow: %s\n' "$*" >&2
  exit 1
}

digest() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

fingerprint() { cat package.json package-lock.json .npmrc "$script" | digest; }

# What node_modules holds, or did before it grew old; what somebody else has installed counts as all.
held() {
  if [ -f "$stamp" ]; then cut -d' ' -f1 "$stamp"; elif [ -f node_modules/.package-lock.json ]; then echo all; fi
}

# All packages hold those that serving needs.
is_current() {
  [ -f "$stamp" ] || return 1
  [ "$(held)" = all ] || [ "$(held)" = "$kind" ] || return 1
  [ "$(cut -d' ' -f2 "$stamp")" = "$(fingerprint)" ]
}

install() {
  # Who has the packages for tests keeps them when an older lock is brought up to date for less.
  [ "$(held)" != all ] || kind=all
  local log omit=()
  [ "$kind" = all ] || omit=(--omit=dev)
  log="$(mktemp)"
  printf 'Installing the packages of frontend/package-lock.json ...\n'
  "$root/scripts/with-node.sh" npm ci --no-audit --no-fund --loglevel=error ${omit[@]+"${omit[@]}"} >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    rm -f "$log"
    refuse "the dashboard's packages could not be installed; ./start-dev.sh --no-frontend does without them."
  }
  rm -f "$log"
  printf '%s %s' "$kind" "$(fingerprint)" >"$stamp"
}

[ "$kind" = serve ] || [ "$kind" = all ] || refuse "say serve or all, not '$kind'."
is_current && exit 0
# Two callers at once: the second waits, and then finds the work done; see setup-environment.sh.
exec 8<"$script"
python3 -c 'import fcntl; fcntl.flock(8, fcntl.LOCK_EX)'
is_current || install
