#!/usr/bin/env bash
# Sets everything up and passes the tests: bash scripts/test.sh [pytest's arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}" PYTHONDONTWRITEBYTECODE=1
[ "$#" -gt 0 ] || set -- tests
exec .venv/bin/python -m pytest -q --durations=15 -n "${GAUDI_TEST_WORKERS:-2}" --dist worksteal "$@"
