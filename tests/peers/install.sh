#!/usr/bin/env bash
# Install the programs that tests talk to: node-smpp and a generator of TypeScript from
# npm, Kannel from Debian.
#
# Idempotent, and leaves nothing running: Debian's kannel package would start its
# service when it is installed, and at the next boot. It is kept from both; a service
# that somebody else has set up is left alone (the tests use ports of their own).
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PATH:/usr/sbin"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_debian() {
    local policy=/usr/sbin/policy-rc.d made=no status=0
    if [ ! -e "$policy" ]; then
        # 101: "action forbidden by policy"; invoke-rc.d then starts nothing.
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        made=yes
    fi
    as_root apt-get update -qq || echo "peers: apt-get update failed" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "$@" >/dev/null || status=$?
    if [ "$made" = yes ]; then as_root rm -f "$policy"; fi
    case " $* " in
        *" kannel "*) as_root update-rc.d kannel disable >/dev/null 2>&1 || true ;;
    esac
    return "$status"
}

missing=()
command -v bearerbox >/dev/null || missing+=(kannel)
[ -x /usr/lib/kannel/test/drive_smpp ] || missing+=(kannel-extras)
command -v tshark >/dev/null || missing+=(tshark)
if [ "${#missing[@]}" -gt 0 ]; then
    echo "peers: installing ${missing[*]}"
    install_debian "${missing[@]}"
fi

# Only when the lock is another one than last time.
if ! cmp -s package-lock.json node_modules/.peers-lock.json; then
    echo "peers: installing what is from npm"
    npm ci --silent --no-progress
    cp package-lock.json node_modules/.peers-lock.json
fi
