#!/usr/bin/env bash
#SBATCH --job-name=gaudi
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --exclusive
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
# Trains a recipe as a Slurm job, and continues it in a job that was requeued; from the checkout's folder:
#   sbatch [--nodes=4] [--time=8:00:00] launch/slurm.sh CONFIG [--kind hpu|gpu|cpu] [--dry-run] [arguments of gaudi train]
#
# Five minutes before its time ends, and when it is preempted, the job saves and requeues itself (exit code 75).
# GAUDI_NETWORK and GAUDI_RSH as in launch/multi_host.sh.
set -uo pipefail
root="${SLURM_SUBMIT_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
[ -n "${SLURM_JOB_NODELIST:-}" ] || { echo "gaudi: launch/slurm.sh runs inside a Slurm job: sbatch launch/slurm.sh CONFIG" >&2; exit 2; }
hosts="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/\$/:${SLURM_NTASKS_PER_NODE:-8}/" | paste -sd,)"

"$root/.venv/bin/python" -m gaudi.launch --hosts "$hosts" "$@" &
launcher=$!
trap 'kill -USR1 "$launcher"' USR1 TERM
wait "$launcher"; code=$?
# A trapped signal ends the first wait; the launcher still saves.
while kill -0 "$launcher" 2>/dev/null; do wait "$launcher"; code=$?; done
if [ "$code" = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
