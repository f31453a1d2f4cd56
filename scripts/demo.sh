#!/usr/bin/env bash
# The whole way of every model (or of the one named), on synthetic data: train on 2 MPI ranks, evaluate, export, use.
#   bash scripts/demo.sh [MODEL]
set -euo pipefail
cd "$(dirname "$0")/.."

known="cleaner retinanet extractor pix2pix signer screener"
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
    say "gaudi evaluate $run"
    $gaudi evaluate "$run"
    say "gaudi export $run"
    $gaudi export "$run"
}

ask() { .venv/bin/python -I scripts/ask_export.py "$@" --without-suite; }

# Name what model $1 left behind; $2: further pictures.
keep() {
    local run=runs/demo-$1
    results+=("$1: report $run/report.html; pictures $run/pictures${2:+ and $2}; metrics $run/metrics.json; export $run/export/1")
}

# Pictures to ask the exports about: signatures of two people never trained on, and things that are no signature.
questions() {
    [ -d runs/demo-questions/others ] && return
    $gaudi data synth signatures --out runs/demo-questions/signatures --writers 2 --genuine 2 --forged 1 --seed 99
    $gaudi data synth invalid --out runs/demo-questions/others --families text stamp scribble --each 1 --seed 99 --part test
}

demo_cleaner() {
    local run=runs/demo-cleaner
    make_export cleaner configs/cleaner.yaml train.epochs=10 data.synthetic_writers=48
    say "clean images with the export, in a process that has TensorFlow but not this package"
    .venv/bin/python -I scripts/clean_images.py "$run/export/1" "$run"/pictures/inputs/*.png --out "$run/cleaned" --without-suite
    keep cleaner "$run/cleaned"
}

demo_retinanet() {
    local pages=runs/demo-pages
    [ -d $pages ] || $gaudi data synth documents --out $pages --train 96 --validation 8 --test 16 --height 600 --width 600
    make_export retinanet configs/retinanet_light.yaml data.root=$pages data.height=320 data.width=320 train.epochs=20 \
        train.optimizer.learning_rate=2e-3 train.evaluate_epochs=20 train.checkpoint_epochs=20
    say "find signatures with the export, in a process that has TensorFlow but not this package"
    ask runs/demo-retinanet/export/1 $pages/test-*.tfrecord --out runs/demo-retinanet/found
    keep retinanet runs/demo-retinanet/found
}

demo_extractor() {
    make_export extractor configs/extractor.yaml data.synthetic_writers=40 data.synthetic_each=8 data.cache= \
        batch.writers=8 train.global_batch=64 data.validation_writers=5
    say "compare signatures with the export, in a process that has TensorFlow but not this package"
    questions
    ask runs/demo-extractor/export/1 runs/demo-questions/signatures/*/*.png
    keep extractor
}

demo_pix2pix() {
    make_export pix2pix configs/pix2pix.yaml data.size=128 network.channels=32 network.blocks=2 train.epochs=4
    say "sign a name with the export"
    .venv/bin/python scripts/sign_name.py runs/demo-pix2pix/export/1 "Ann Lee" --font Roboto --both -o runs/demo-pix2pix/signed.png
    keep pix2pix runs/demo-pix2pix/signed.png
}

demo_signer() {
    make_export signer configs/signer.yaml data.synthetic_people=24 data.synthetic_each=16 data.unknown_people=6 \
        data.development_people=4 train.epochs=6 train.evaluate_epochs=6 train.checkpoint_epochs=6
    say "ask the export who signed, in a process that has TensorFlow but not this package"
    questions
    ask runs/demo-signer/export/1 runs/demo-questions/signatures/*/*.png
    keep signer
}

demo_screener() {
    make_export screener configs/screener.yaml data.synthetic_writers=24 data.invalid_each=20 train.epochs=4
    say "ask the export what is a signature, in a process that has TensorFlow but not this package"
    questions
    ask runs/demo-screener/export/1 runs/demo-questions/signatures/*/original_1_*.png runs/demo-questions/others/*/*.png
    keep screener
}

results=()
for model in $wanted; do
    "demo_$model"
done
say "done"
printf '%s\n' "${results[@]}"
