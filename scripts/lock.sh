#!/usr/bin/env bash
# Compiles requirements/*.in to the hash-locked files that scripts/setup.sh installs. Needs the .venv that it makes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export UV_CACHE_DIR="$PWD/.cache/uv" UV_CUSTOM_COMPILE_COMMAND="bash scripts/lock.sh"

compile() {  # NAME [uv's options]: the lock of requirements/NAME.in
    # 3.10 is the lowest Python of all flavours, so one lock serves 3.11 too.
    .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --default-index https://pypi.org/simple \
        --python-version 3.10 --python-platform x86_64-manylinux_2_28 \
        "requirements/$1.in" --output-file "requirements/$1.lock" "${@:2}"
}

compile tools
compile horovod --no-deps
compile cpu --override requirements/overrides.txt
compile serving
compile gaudi --override requirements/overrides.txt
compile gpu --override requirements/overrides-gpu.txt
