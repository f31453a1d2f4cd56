#!/usr/bin/env bash
# Trains a recipe on one Gaudi card, on its share of the host's cores:
#   launch/hpu1.sh CONFIG [--dry-run] [arguments of gaudi train, such as --tiny or train.epochs=5]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
exec "$root/.venv/bin/python" -m gaudi.launch --kind hpu --ranks 1 "$@"
