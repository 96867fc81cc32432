#!/usr/bin/env bash
# Start EasyFlow on this machine: PostgreSQL, the API and a worker. `./start-dev.sh --help` names the options.
set -euo pipefail

cd "$(dirname "$0")"
scripts/setup-environment.sh dev
exec .venv/bin/easyflow dev "$@"
