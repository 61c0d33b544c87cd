#!/usr/bin/env bash
# Installs the judges of the wire protocol: `install.sh PYTHON`, PYTHON being the judges' own environment.
#
# Prints one line for each: `present NAME` or `missing NAME: why`. Nothing it installs is started or
# stays enabled. Ends with success unless it is called wrongly; `cargo xtask test` counts the lines.
set -uo pipefail
exec </dev/null

python=${1:?usage: install.sh PYTHON}
system_python=/usr/bin/python3
PATH=$PATH:/usr/sbin:/sbin

# Those that are other packages' parts in newer Debians are left out where they do not exist.
packages=(
    samba smbclient python3-samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules
    krb5-kdc krb5-admin-server krb5-user python3-gssapi
)
services=(smbd nmbd winbind samba-ad-dc krb5-kdc krb5-admin-server)

last_line() { sed '/^[[:space:]]*$/d' "$1" | tail -n 1; }

installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
}

# Debian starts what it installs unless this file says no.
forbid_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then return; fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made_policy=$policy
}

install_packages() {
    why=
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        why="not installed, and there is no apt-get; on Debian: apt-get install ${packages[*]}"
        return
    fi
    local wanted=() name
    for name in "${packages[@]}"; do
        installed "$name" || wanted+=("$name")
    done
    if [ ${#wanted[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" != 0 ]; then
        why="not installed, and I am not root: apt-get install ${wanted[*]}"
        return
    fi
    # A new machine has no list of packages, an old one an old list.
    apt-cache show samba >/dev/null 2>&1 || apt update
    local known=()
    for name in "${wanted[@]}"; do
        apt-cache show "$name" >/dev/null 2>&1 && known+=("$name")
    done
    if [ ${#known[@]} -eq 0 ]; then return; fi
    echo "installing Debian packages ${known[*]}"
    forbid_services
    local fresh=()
    if command -v systemctl >/dev/null; then
        for name in "${services[@]}"; do
            systemctl cat "$name" >/dev/null 2>&1 || fresh+=("$name")
        done
    fi
    if ! apt install "${known[@]}" && ! { apt update && apt install "${known[@]}"; }; then
        why="apt-get failed: $(last_line "$log")"
    fi
    # What was there before is its owner's business.
    if [ ${#fresh[@]} -gt 0 ]; then systemctl --quiet disable "${fresh[@]}" >/dev/null 2>&1; fi
}

impacket() {
    "$python" -c 'from impacket.dcerpc.v5 import dcomrt' 2>/dev/null && return
    echo 'installing PyPI package `impacket==0.13.1`'
    "$python" -m pip install --quiet --no-input --disable-pip-version-check 'impacket==0.13.1' >"$log" 2>&1 &&
        "$python" -c 'from impacket.dcerpc.v5 import dcomrt' 2>>"$log"
}

# judge NAME COMMAND...: present when the command succeeds.
judge() {
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        echo "present $name"
    else
        local said
        said=$(last_line "$log")
        echo "missing $name: ${why:-${said:-it is not complete on this machine}}"
    fi
}

have() {
    local program
    for program; do
        command -v "$program" >/dev/null || { echo "\`$program\` is not on the PATH"; return 1; }
    done
}

import() { "$system_python" -c "import $1"; }

# samba_probe.py needs a compiler for its way around a fault of Samba's.
samba() { have cc && import samba.dcerpc.mgmt; }

addc() {
    [ "$(id -u)" = 0 ] || { echo 'an AD DC needs ports below 1024: not root'; return 1; }
    have samba samba-tool && import samba.netcmd.domain && import samba.dckeytab && [ -d /usr/share/samba/setup ]
}

log=$(mktemp)
made_policy=
trap 'rm -f "$log" $made_policy' EXIT

why=
if ! impacket; then
    why=$(last_line "$log")
    echo "missing impacket: ${why:-pip said nothing}"
else
    echo 'present impacket'
fi
install_packages
judge samba samba
judge gssapi import gssapi
judge addc addc
judge mitkdc have krb5kdc kdb5_util kadmin.local kinit kvno
judge smbd have smbd smbclient
