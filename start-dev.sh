#!/usr/bin/env bash
# Start EasyFlow on this machine: PostgreSQL, API, worker and dashboard. `./start-dev.sh --help` names the options.
set -euo pipefail

cd "$(dirname "$0")"

# The dashboard's packages and Python's come at the same time; whoever wants no sources needs no Node.
frontend=''
case " $* " in
  *' --no-frontend '* | *' --no-dashboard '* | *' --help '*) ;;
  *) scripts/setup-frontend.sh serve & frontend=$! ;;
esac
scripts/setup-environment.sh local
[ -z "$frontend" ] || wait "$frontend"
exec .venv/bin/easyflow dev "$@"
