#!/usr/bin/env bash
# Really builds docker/Dockerfile.cpu and docker/Dockerfile.serving and uses them, without a Docker engine: trains a tiny
# recipe on 2 ranks in the first, exports it, puts the export into the second and asks it. Slow, so the tests leave it out.
#
#   sudo bash scripts/test_images.sh [FOLDER]     works below FOLDER (default /var/tmp/gaudi-images), 15 GB, removed at the end
#   GAUDI_KEEP=1 leaves the images there          GAUDI_MIRROR=URL is Debian's mirror
#
# Needs root and Debian's packages debootstrap and buildah. Exit 2: something of that is missing.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
folder="${1:-/var/tmp/gaudi-images}"
mirror="${GAUDI_MIRROR:-http://deb.debian.org/debian}"
need_mib=15000
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
die() { echo "test_images: $*" >&2; exit 2; }
images() { buildah --root "$folder/storage" --runroot "$folder/run" "$@"; }

check() {
    [ "$EUID" = 0 ] || die "needs root: debootstrap and chroot do"
    command -v debootstrap >/dev/null || die "no debootstrap: apt-get install debootstrap"
    command -v buildah >/dev/null || die "no buildah: apt-get install buildah"
    mkdir -p "$folder"
    local free
    free="$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')"
    [ "$free" -ge "$need_mib" ] || die "needs $need_mib MiB in $folder, $free MiB are free"
}

clean() {
    [ "${GAUDI_KEEP:-}" = 1 ] || { images rm --all || true; images rmi --all --force || true; rm -rf "$folder"; } >/dev/null 2>&1
}

base_image() {  # Made once in FOLDER. Debian as an image; a certificate authority of this machine's own is taken along, for networks that need it
    ! images inspect localhost/debian:bookworm >/dev/null 2>&1 || return 0
    [ -e "$folder/tree/etc/debian_version" ] ||
        debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/tree" "$mirror" >"$folder/debootstrap.log"
    cp /usr/local/share/ca-certificates/*.crt "$folder/tree/usr/local/share/ca-certificates/" 2>/dev/null || true
    chroot "$folder/tree" update-ca-certificates >/dev/null
    local made
    made="$(images from scratch)"
    images add --quiet "$made" "$folder/tree" / >/dev/null
    images config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$made"
    images commit --quiet --rm "$made" localhost/debian:bookworm >/dev/null
}

build() {  # TAG FILE [build arguments...]
    images build --format docker --build-arg BASE=localhost/debian:bookworm --tag "localhost/$1" --file "$root/docker/$2" "${@:3}" \
        >"$folder/$2.log" 2>&1 || { tail -n 40 "$folder/$2.log"; exit 1; }
    images images --format '{{.Name}}:{{.Tag}} {{.Size}}' "localhost/$1"
}

inside() {  # TAG COMMAND...: runs as the image's user on this machine's network, with $folder/work as /work
    local container code=0
    container="$(images from --pull-never "localhost/$1")"
    images run --volume "$folder/work:/work" "$container" -- "${@:2}" || code=$?
    images rm "$container" >/dev/null
    return "$code"
}

ask() {  # PORT: a picture of the size that the model wants, and what comes back
    python3 - "$1" <<'PYTHON'
import json, sys, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/v1/models/cleaner"
spec = json.load(urllib.request.urlopen(url + "/metadata"))["signatures"]["serving_default"]["inputs"]
(name, side), = ((name, each["shape"][1]) for name, each in spec.items())
picture = [[[1.0, 1.0, 1.0]] * side] * side
request = urllib.request.Request(url + ":predict", json.dumps({"instances": [picture]}).encode())
answer = json.load(urllib.request.urlopen(request))["predictions"]
assert len(answer) == 1 and len(answer[0]) == side and len(answer[0][0]) == side, "the answer is not a picture"
print(f"asked with {name} of {side} x {side} pixels, answered with as many, the first {answer[0][0][0]}")
PYTHON
}

serve_and_ask() {
    local port=18501 server
    inside serving python3 /serving/serve.py --models /models --port "$port" &
    server=$!
    for _ in $(seq 120); do
        sleep 1
        curl -sf "http://127.0.0.1:$port/v1/models" >/dev/null && break
    done
    ask "$port"
    inside serving python3 /serving/serve.py --check --port "$port"
    pkill -TERM -f "^[^ ]*python3 /serving/serve.py --models /models --port $port"  # as docker stop does; it ends with exit code 0
    wait "$server"
}

check
trap clean EXIT
say "Debian 12 as base image"; base_image
say "docker/Dockerfile.cpu"; build cpu Dockerfile.cpu "$root"
mkdir -p "$folder/work" && chown 1000:1000 "$folder/work"
say "who runs in it, and doctor"
inside cpu sh -c 'id -u; test ! -w /gaudi && command -v gaudi'
inside cpu gaudi doctor
say "gaudi train cleaner --tiny --ranks 2"
inside cpu env GAUDI_OVERSUBSCRIBE=1 gaudi train cleaner --tiny --ranks 2 --run runs/cleaner
inside cpu gaudi evaluate runs/cleaner
inside cpu gaudi export runs/cleaner
say "docker/Dockerfile.serving, with the export"
mkdir -p "$folder/context" && cp -r "$root/requirements" "$root/docker" "$folder/work/runs" "$folder/context/"
build serving Dockerfile.serving --build-arg EXPORT=runs/cleaner/export --build-arg NAME=cleaner "$folder/context"
inside serving sh -c 'test "$(id -u)" = 1000 && ! python3 -c "import gaudi" 2>/dev/null && ls /models/cleaner'
say "asking it"; serve_and_ask
say "done"
