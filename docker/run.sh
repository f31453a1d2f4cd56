#!/usr/bin/env bash
# Starts a command of the suite in its image, with the devices, folders and rights that training needs:
#
#   docker/run.sh [OPTIONS] COMMAND...        COMMAND is what follows `gaudi`, or one beginning with a slash
#     --kind cpu|gpu|gaudi   the image gaudi:KIND and its devices (default: what this machine has)
#     --cards LIST           only these cards, such as 0 or 0,1,2,3 (default all)
#     --data FOLDER          seen as /work/data, read only
#     --runs FOLDER          seen as /work/runs (default ./runs)
#     --port NUMBER          a port to reach from outside, such as TensorBoard's
#     --kaggle               lend the container your Kaggle credentials; --data is then writable, for downloads
#     --image NAME           another image
#     --dry-run              print the line and start nothing
#
# Files it writes belong to you: the command runs under your user id. Exit codes are the command's; 2: wrong options.
set -euo pipefail

die() { echo "run.sh: $*" >&2; exit 2; }

if grep -qs '^GAUDI' /sys/class/accel/accel*/device/device_type; then kind=gaudi
elif [ -e /dev/nvidia0 ]; then kind=gpu
else kind=cpu; fi
cards=all data="" runs="$PWD/runs" port="" kaggle="" image="" dry_run=""

while [ "$#" -gt 0 ]; do
    case "$1" in
        --kind | --cards | --data | --runs | --port | --image)
            [ "$#" -ge 2 ] || die "$1 needs a value"
            declare "${1#--}=$2"
            shift ;;
        --kaggle) kaggle=yes ;;
        --dry-run) dry_run=yes ;;
        --*) die "$1 is unknown; allowed are --kind --cards --data --runs --port --kaggle --image --dry-run" ;;
        *) break ;;
    esac
    shift
done
[ "$#" -gt 0 ] || die "name a command, such as: doctor, or train cleaner --tiny"
[[ "$kind" =~ ^(cpu|gpu|gaudi)$ ]] || die "--kind $kind is unknown; allowed are cpu, gpu and gaudi"
[[ "$cards" =~ ^(all|[0-9]+(,[0-9]+)*)$ ]] || die "--cards $cards cannot be read; allowed are all, or numbers such as 0,1"
[[ "$port" =~ ^[0-9]*$ ]] || die "--port $port is not a number"
[ -z "$data" ] || [ -d "$data" ] || [ -n "$kaggle" ] || die "--data $data: no such folder"

line=(docker run --rm --init --stop-timeout 300 --user "$(id -u):$(id -g)" --env HOME=/tmp)
[ ! -t 0 ] || [ ! -t 1 ] || line+=(--interactive --tty)
# Ranks of one host pass gradients through shared memory; the 64 MB a container gets is too little for them.
line+=(--ipc=host)
case "$kind" in
    gaudi)
        # sys_nice: Open MPI and SynapseAI place memory by NUMA node; memlock: cards read and write pinned memory.
        line+=(--runtime=habana --env "HABANA_VISIBLE_DEVICES=$cards" --cap-add=sys_nice --net=host
               --ulimit memlock=-1:-1 --ulimit stack=67108864) ;;
    gpu)
        if [ "$cards" = all ]; then line+=(--gpus all); else line+=(--gpus "\"device=$cards\""); fi
        line+=(--ulimit memlock=-1:-1 --ulimit stack=67108864) ;;
esac
[ -z "$port" ] || [ "$kind" = gaudi ] || line+=(--publish "127.0.0.1:$port:$port")
line+=(--volume "$(realpath -m "$runs"):/work/runs")
[ -z "$data" ] || line+=(--volume "$(realpath -m "$data"):/work/data$([ -n "$kaggle" ] || echo :ro)")
if [ -n "$kaggle" ]; then
    # Names only: docker takes the values from this shell, and they are seen on no command line.
    if [ -n "${KAGGLE_KEY:-}" ]; then line+=(--env KAGGLE_USERNAME --env KAGGLE_KEY)
    elif [ -e "$HOME/.kaggle/kaggle.json" ]; then line+=(--volume "$HOME/.kaggle/kaggle.json:/tmp/.kaggle/kaggle.json:ro")
    else die "--kaggle: neither KAGGLE_USERNAME and KAGGLE_KEY nor $HOME/.kaggle/kaggle.json is there"; fi
fi
if [[ "$1" == /* ]]; then line+=(--entrypoint "$1"); shift; fi
line+=("${image:-gaudi:$kind}" "$@")

if [ -n "$dry_run" ]; then
    printf '%q ' "${line[@]}"
    echo
    exit 0
fi
mkdir -p "$runs"
[ -z "$data" ] || mkdir -p "$data"
exec "${line[@]}"
