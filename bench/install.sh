#!/bin/sh
# Install what the benchmark needs (gcc, Kannel; with --compare also wrk, with
# --profile py-spy) and build its instruments into bench/out/bin.
#
# Idempotent, and quiet when nothing is missing. Debian's kannel package would
# start its service when installed: it is kept from that, and a service that
# somebody else started is left alone (the benchmark uses free ports).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out="$here/out"

missing=""
need() { # need COMMAND PACKAGE...
    command -v "$1" >/dev/null 2>&1 && return
    shift
    missing="$missing $*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

PATH="$PATH:/usr/sbin"
compare=no profile=no
for option in "$@"; do
    case "$option" in
        --compare) compare=yes ;;
        --profile) profile=yes ;;
        *) echo "usage: install.sh [--compare] [--profile]" >&2; exit 2 ;;
    esac
done

need gcc gcc libc6-dev
need bearerbox kannel
need setpriv util-linux
[ "$compare" = no ] || need wrk wrk

install_packages() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        # 101: "action forbidden by policy"; invoke-rc.d then starts nothing.
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        trap 'as_root rm -f "$policy"' EXIT
    fi
    status=0
    as_root apt-get update -qq || status=$?
    # shellcheck disable=SC2086  # a list of words on purpose
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null || status=$?
    # Nor at the next boot: this machine only measures it.
    case "$missing" in
        *kannel*) as_root update-rc.d kannel disable >/dev/null 2>&1 || true ;;
    esac
    return "$status"
}

if [ -n "$missing" ]; then
    echo "bench: installing$missing"
    install_packages
fi

mkdir -p "$out/bin"
build() { # build PROGRAM SOURCE...
    program="$out/bin/$1"
    shift
    if [ -x "$program" ] && [ -z "$(find "$here" -maxdepth 1 -name '*.[ch]' -newer "$program")" ]; then
        return
    fi
    echo "bench: building $(basename "$program")"
    (cd "$here" && gcc -std=gnu11 -O2 -Wall -Wextra -Wconversion -Wno-sign-conversion \
        -o "$program" "$@")
}
build load load.c
build sink sink.c sink_smpp.c sink_http.c sink_sets.c
build esme esme.c

if [ "$profile" = yes ] && ! command -v py-spy >/dev/null 2>&1 \
    && [ ! -x "$out/py-spy/bin/py-spy" ]; then
    echo "bench: installing py-spy"
    uv="$here/../.venv/bin/uv"
    if [ -x "$uv" ]; then
        "$uv" pip install -q --target "$out/py-spy" py-spy || echo "bench: no py-spy" >&2
    else
        python3 -m pip install -q --target "$out/py-spy" py-spy || echo "bench: no py-spy" >&2
    fi
fi
