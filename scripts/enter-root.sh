#!/usr/bin/env bash
# Make a folder the root, as a container has it, and become a command in it: called by scripts/roots.py in namespaces
# of its own, so that every mount is gone with the last process.
#   enter-root.sh ROOT [--bind SOURCE TARGET | --tmpfs TARGET | --read-only | --hostname NAME | --env NAME=VALUE |
#                       --user UID:GID | --confined | --workdir PATH]... -- COMMAND...
set -euo pipefail

root="$1"
shift
read_only="" workdir=/ user=0:0
environment=() privileges=()

# What the system needs beside the files of the image.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

put_in_place() {
  local source="$1" target="$root$2"
  if [ -d "$source" ]; then
    mkdir -p "$target"
  else
    mkdir -p "$(dirname "$target")"
    [ -e "$target" ] || : >"$target"
  fi
  mount --bind "$source" "$target"
}

while [ "$1" != -- ]; do
  case "$1" in
    --bind) put_in_place "$2" "$3"; shift 3 ;;
    --tmpfs) mkdir -p "$root$2"; mount -t tmpfs -o mode=1777 tmpfs "$root$2"; shift 2 ;;
    --read-only) read_only=yes; shift ;;
    --hostname) hostname "$2"; shift 2 ;;
    --env) environment+=("$2"); shift 2 ;;
    --user) user="$2"; shift 2 ;;
    --confined) privileges=(--no-new-privs --bounding-set=-all --inh-caps=-all); shift ;;
    --workdir) workdir="$2"; shift 2 ;;
    *) echo "enter-root.sh: $1 is unknown" >&2; exit 2 ;;
  esac
done
shift

[ -z "$read_only" ] || mount -o remount,bind,ro "$root"
# Not chroot: the system forbids in a chroot what a container may do, such as namespaces of its own.
cd "$root"
pivot_root . mnt
umount -l /mnt
cd "$workdir"
exec env -i "${environment[@]}" \
  setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups "${privileges[@]}" "$@"
