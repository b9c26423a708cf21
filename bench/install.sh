#!/bin/sh
# Install what the benchmark needs (gcc, Kannel; with --jasmin also Jasmin with
# RabbitMQ and Redis, with --compare wrk, with --profile py-spy) and build its
# instruments into bench/out/bin.
#
# Idempotent, and quiet when nothing is missing. Debian's packages would start their
# services when installed: they are kept from that, and a service that somebody else
# started is left alone (the benchmark uses free ports).
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
compare=no profile=no jasmin=no
for option in "$@"; do
    case "$option" in
        --compare) compare=yes ;;
        --profile) profile=yes ;;
        --jasmin) jasmin=yes ;;
        *) echo "usage: install.sh [--jasmin] [--compare] [--profile]" >&2; exit 2 ;;
    esac
done

need gcc gcc libc6-dev
need bearerbox kannel
need setpriv util-linux
[ "$compare" = no ] || need wrk wrk
if [ "$jasmin" = yes ]; then
    need rabbitmq-server rabbitmq-server
    need redis-server redis-server
fi

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
    for service in kannel rabbitmq-server redis-server; do
        case "$missing " in
            *" $service "*) as_root update-rc.d "$service" disable >/dev/null 2>&1 || true ;;
        esac
    done
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

# What is written in Python runs on an interpreter that interpreter.py chooses, and says
# why: one whose build is optimised, as Kannel's distribution has it.
root="$here/.."
uv="$root/.venv/bin/uv"
environment() { # environment NAME REQUIREMENT...: in bench/out, anew when they changed
    folder="$out/$1"
    shift
    made="$(cat "$out/python") $*"
    if [ "$(cat "$folder/made" 2>/dev/null)" != "$made" ]; then
        echo "bench: installing $(basename "$folder")"
        rm -rf "$folder"
        "$uv" venv -q --python "$(cat "$out/python")" "$folder"
        "$uv" pip install -q --python "$folder/bin/python" "$@"
        echo "$made" >"$folder/made"
    fi
}
if [ ! -s "$out/python" ] || [ ! -s "$out/python.why" ]; then
    "$root/.venv/bin/python" "$here/interpreter.py" /usr/bin/python3 \
        "$root/.venv/bin/python" >"$out/python" 2>"$out/python.why" ||
        { cat "$out/python.why" >&2; exit 1; }
fi
echo "bench: Python is $(cat "$out/python"): $(cat "$out/python.why")"
environment budstikke --require-hashes -r "$root/requirements.lock"
"$uv" pip install -q --python "$out/budstikke/bin/python" --no-deps -e "$root"
# Not 0.11.1: it tells of no receipt (jookies/jasmin#1236); it needs pkg_resources.
[ "$jasmin" = no ] || environment jasmin jasmin==0.11.0 "setuptools<81"

if [ "$profile" = yes ] && ! command -v py-spy >/dev/null 2>&1 \
    && [ ! -x "$out/py-spy/bin/py-spy" ]; then
    echo "bench: installing py-spy"
    "$uv" pip install -q --target "$out/py-spy" py-spy || echo "bench: no py-spy" >&2
fi
