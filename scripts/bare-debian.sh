#!/usr/bin/env bash
# Without Docker: execute backend/Dockerfile's steps and docker-compose.yml's services, and run ./start-dev.sh, on a
# minimal Debian 12. bare-debian.sh [images] [start]; needs root and mmdebstrap, and takes ten minutes.
set -euo pipefail

cd "$(dirname "$0")/.."
suite=bookworm
base="${XDG_CACHE_HOME:-$HOME/.cache}/easyflow/debian-$suite.tar"

refuse() {
  printf 'EasyFlow: %s\n' "$*" >&2
  exit 1
}

# Where Debian's packages come from is this machine's own setting.
apt_sources() {
  grep -l -s -E "^(Suites:|deb ).* $suite( |$)|^Suites: $suite( |$)" \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources || true
}

make_base() {
  local sources
  mapfile -t sources < <(apt_sources)
  mkdir -p "$(dirname "$base")"
  echo "Making a minimal Debian ($suite) ..."
  # What the slim images leave out as well.
  mmdebstrap --format=tar --variant=minbase --include=ca-certificates,python3,python3-venv \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$base.new" "${sources[@]}"
  mv "$base.new" "$base"
}

[ "$(id -u)" -eq 0 ] || refuse "make bare-debian needs root: it makes file systems and namespaces."
command -v mmdebstrap >/dev/null || refuse "mmdebstrap is not here; install the package mmdebstrap."
[ -n "$(find "$base" -mtime -7 2>/dev/null)" ] || make_base

# Every process and every mount lives in one namespace, and ends with its first process.
work="$(mktemp -d -p /var/tmp easyflow-bare.XXXXXX)"
child=""
tidy() {
  [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || true
  wait
  rm -rf --one-file-system "$work"
}
trap tidy EXIT

# Six roots take some 5 GB: in memory where there is plenty of it, and then there is nothing to remove either.
in_place() {
  if [ "$(awk '/^MemAvailable:/ { print int($2 / 1024 / 1024) }' /proc/meminfo)" -ge 10 ]; then
    mount -t tmpfs -o mode=755 tmpfs "$work"
  fi
  exec .venv/bin/python -m scripts.bare_debian "$base" "$work" "$@"
}
export -f in_place
export work base
unshare --mount --pid --fork --kill-child --mount-proc bash -c 'in_place "$@"' bare-debian "$@" &
child=$!
wait "$child"
