#!/usr/bin/env bash
# Trains a recipe on this machine, on whatever device it has:
#   launch/local.sh CONFIG [--ranks N] [--dry-run] [arguments of gaudi train, such as --tiny or train.epochs=5]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
exec "$root/.venv/bin/python" -m gaudi.launch "$@"
