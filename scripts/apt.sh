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

# What is installed of that which brings a service. PHP's has its version in its name.
services() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' nginx prometheus 'php*-fpm' 2>/dev/null |
        sed -n 's/^installed //p'
}

before=$(services || true)

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
options=(-q -y --no-install-recommends
    -o Acquire::Retries=3
    -o DPkg::Lock::Timeout=600
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

# A package source of another vendor that does not answer need not stop us.
apt-get "${options[@]}" update || echo "apt-get update failed; trying with the lists there are"
apt-get "${options[@]}" install "$@"

# Nor is it to start at the next boot: the tests and the demo run their own.
command -v systemctl >/dev/null || exit 0
for service in $(services); do
    grep -qxF "$service" <<<"$before" || systemctl disable --now "$service.service" || true
done
