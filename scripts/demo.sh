#!/usr/bin/env bash
# The whole way of every model (or of the one named), on synthetic data and 2 MPI ranks: train, evaluate, export, use.
#   bash scripts/demo.sh [MODEL]
set -euo pipefail
cd "$(dirname "$0")/.."

known="cleaner"
wanted=${1:-$known}
for model in $wanted; do
    case " $known " in
        *" $model "*) ;;
        *) echo "demo: $model is not known; known are: $known" >&2; exit 2 ;;
    esac
done

bash scripts/setup.sh
gaudi=.venv/bin/gaudi
export TF_CPP_MIN_LOG_LEVEL=3

say() { printf '\n== %s\n' "$*"; }

# Train, judge and export the recipe $2 as the demo run of model $1; further arguments are overrides.
make_export() {
    local run=runs/demo-$1 config=$2
    shift 2
    rm -rf "$run"
    say "gaudi train $config --ranks 2 --run $run $*"
    $gaudi train "$config" --ranks 2 --run "$run" "$@"
    say "gaudi evaluate $run --ranks 2"
    $gaudi evaluate "$run" --ranks 2
    say "gaudi export $run"
    $gaudi export "$run"
}

demo_cleaner() {
    local run=runs/demo-cleaner
    make_export cleaner configs/cleaner.yaml train.epochs=4 data.synthetic_writers=48
    say "clean images with the export, in a process that has TensorFlow but not this package"
    .venv/bin/python -I scripts/clean_images.py "$run/export/1" "$run"/pictures/inputs/*.png --out "$run/cleaned" --without-suite
    results+=("cleaner: report $run/report.html; pictures $run/pictures and $run/cleaned; metrics $run/metrics.json; export $run/export/1")
}

results=()
for model in $wanted; do
    "demo_$model"
done
say "done"
printf '%s\n' "${results[@]}"
