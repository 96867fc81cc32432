#!/usr/bin/env bash
# Run a command with Node 20.19 or newer on PATH: this system's, else that of the wheel, which it puts into .venv first.
# with-node.sh npm run build
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd -P)"
is_new_enough='const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'

if ! command -v npm >/dev/null || ! node -e "$is_new_enough" >/dev/null 2>&1; then
  "$root/scripts/setup-environment.sh" local node >&2
  PATH="$root/.venv/bin:$PATH"
fi
exec "$@"
