#!/usr/bin/env bash
# Installs Debian packages without a question and without starting a service; runs as root.
# usage: apt.sh <package>...

set -euo pipefail

policy=/usr/sbin/policy-rc.d
mark='# for the time of an installation by nginx-sts'

# Debian starts a service as soon as it is installed, unless this file says no. One that is there
# already is the administrator's, but for one that an interrupted run of this script left behind.
if [[ ! -e $policy ]] || grep -qsxF "$mark" "$policy"; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi

# usage: enabled   (prints what starts at the next boot by itself)
enabled() { find /etc/systemd/system -path '*.wants/*' -printf '%f\n' 2>/dev/null | sort -u; }
before=$(enabled)

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
options=(-q -y --no-install-recommends
    -o Acquire::Retries=3
    -o DPkg::Lock::Timeout=600
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

# A package source of another vendor that does not answer need not stop us.
apt-get "${options[@]}" update || echo "apt-get update failed; trying with the lists there are"
apt-get "${options[@]}" install "$@"

# Nor is a service that came by this to start at the next boot: the tests and the demo run their own.
new=$(comm -13 <(echo "$before") <(enabled))
for unit in $new; do
    if command -v systemctl >/dev/null; then
        systemctl disable --now "$unit" || echo "$unit stays enabled"
    else # as in a container
        deb-systemd-helper disable "$unit" || echo "$unit stays enabled"
    fi
done
