#!/usr/bin/env bash
# Checks the suite against Habana's real wheels, which need no card to fail: installs them for CPython 3.10 below .cache
# and runs the tests that want them. Slow (2 GB of downloads the first time), so scripts/test.sh leaves it out.
#
#   bash scripts/check_habana_wheels.sh              GAUDI_PYTHON=/path/to/python3.10 chooses the interpreter
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
cache="$root/.cache"
uv="$root/.venv/bin/uv"
export UV_CACHE_DIR="$cache/uv" UV_PYTHON_INSTALL_DIR="$cache/python"

say() { echo "check_habana_wheels: $*" >&2; }

find_python() {  # the first CPython 3.10 that runs; pyenv's shims may stand on PATH with nothing behind them
    local path
    for path in ${GAUDI_PYTHON:-} $(type -aP python3.10 || true) "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10.*/bin/python3.10; do
        if [ "$("$path" -c 'import platform; print(platform.python_version()[:5])' 2>/dev/null)" = 3.10. ]; then
            echo "$path"; return
        fi
    done
    "$uv" python install --quiet 3.10 2>/dev/null && "$uv" python find --managed-python 3.10
}

environment() {  # NAME PACKAGES...: makes .cache/habana/NAME once; finished when its stamp is there
    local folder="$cache/habana/$1" stamp; shift
    stamp="$(echo "$python" "$@" "$(sha256sum "$root/requirements/gaudi.lock")" | sha256sum)"
    [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    say "making $folder"
    rm -rf "$folder"
    "$uv" venv --quiet --python "$python" "$folder"
    "$uv" pip install --quiet --python "$folder/bin/python" "$@"
    echo "$stamp" >"$folder/.stamp"
}

bash "$root/scripts/setup.sh"
if ! python="$(find_python)"; then
    say "skipped: there is no CPython 3.10 here and none can be fetched; Habana's wheels exist for no other"
    exit 0
fi
environment right --no-deps --require-hashes -r "$root/requirements/gaudi.lock"
environment gpu_build tensorflow==2.15.0 habana-tensorflow==1.14.0.493 "numpy<2" pyyaml
environment other_version tensorflow-cpu==2.15.1 habana-tensorflow==1.14.0.493 "numpy<2" pyyaml
cd "$root"
GAUDI_HABANA_PYTHON="$cache/habana/right/bin/python" GAUDI_HABANA_GPU_BUILD="$cache/habana/gpu_build/bin/python" \
    GAUDI_HABANA_OTHER_VERSION="$cache/habana/other_version/bin/python" \
    .venv/bin/python -m pytest -q tests/test_habana_wheels.py tests/test_fake_habana.py "$@"
