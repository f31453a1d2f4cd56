#!/usr/bin/env bash
# Trains a recipe on the eight Gaudi cards of a host; each rank's output is kept in runs/ranks:
#   launch/hpu8.sh CONFIG [--dry-run] [arguments of gaudi train, such as --tiny or train.epochs=5]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
exec "$root/.venv/bin/python" -m gaudi.launch --kind hpu --ranks 8 --output runs/ranks "$@"
