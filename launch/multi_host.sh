#!/usr/bin/env bash
# Trains a recipe on the cards of several hosts; rank 0 runs on the first:
#   launch/multi_host.sh HOST[:CARDS],HOST[:CARDS],... CONFIG [--kind hpu|gpu|cpu] [--dry-run] [arguments of gaudi train]
#
# Every host has this checkout in the same place, set up with the same lock, and lets this one in by ssh without a
# password. What the network needs:
#   GAUDI_NETWORK=10.1.0.0/16   the subnet or interface that joins the hosts, where they have several
#   GAUDI_RSH=/path/to/agent    what reaches a host instead of ssh; called as: agent HOST COMMAND...
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
[ "$#" -ge 2 ] || { echo "gaudi: usage: launch/multi_host.sh HOST[:CARDS],... CONFIG [--dry-run] [arguments of gaudi train]" >&2; exit 2; }
hosts="$1"
shift
exec "$root/.venv/bin/python" -m gaudi.launch --hosts "$hosts" "$@"
