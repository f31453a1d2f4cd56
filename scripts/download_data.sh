#!/usr/bin/env bash
# Fetches a public data set from Kaggle, or unpacks it from a zip fetched by hand: scripts/download_data.sh cedar|signverod [FOLDER]
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
[ -x "$root/.venv/bin/python" ] || bash "$root/scripts/setup.sh"
exec "$root/.venv/bin/python" "$root/scripts/download_data.py" "$@"
