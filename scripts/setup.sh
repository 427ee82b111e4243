#!/usr/bin/env bash
# Installs what is missing, and nothing else; says nothing when all is there.
# usage: setup.sh <group>...          (the groups are the cases of packages())
#        setup.sh --list <group>...   (prints those for a machine that has none, and installs nothing)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

tools=build/tools

# What may be there without Debian's package for it. A list is for another machine, which has none of it.
has() { [[ -z ${elsewhere:-} ]] && command -v "$1" >/dev/null; }
has_venv() { [[ -z ${elsewhere:-} ]] && python3 -c 'import ensurepip, venv' 2>/dev/null; }

packages() {
    case $1 in
    # What the crates and NGINX's configure script need; libclang reads NGINX's headers.
    build) echo ca-certificates gcc libc6-dev libclang-dev libpcre2-dev libssl-dev make pkgconf zlib1g-dev ;;
    nginx) echo nginx nginx-dev ;;
    demo) echo curl ;;
    # An independent eye on signatures of SAML assertions, and what the recipes have beside NGINX: a
    # PHP, a module that sets variables (Debian's, which loads into Debian's NGINX only), and what makes
    # and reads the manual page.
    test) echo php-fpm xmlsec1 && packages man ;;
    man)
        echo groff-base
        has python3 || echo python3
        ;;
    # Backends that tell what they read (scripts/readers.sh). Node, Java and Python may also be there
    # without Debian's packages.
    readers)
        echo libjakarta-annotation-api-java libtomcat10-embed-java puma ruby-rack
        has npm || echo nodejs npm
        has javac || echo default-jdk-headless
        has_venv || echo python3 python3-venv
        ;;
    # Redis' server is in the package of its tools, which starts no service; memcached's is not installed
    # (scripts/stores.sh).
    stores)
        echo libevent-2.1-7 redis-tools
        [[ ${WITH_REDIS:-redis} == redis ]] || has pip3 || echo python3-pip
        ;;
    # Libraries that verify minted tokens (scripts/verifiers.sh).
    verifiers)
        has npm || echo nodejs npm
        has javac || echo default-jdk-headless
        has mvn || echo maven
        has_venv || echo python3 python3-venv
        ;;
    # Clients of gRPC and HTTP/3 (scripts/clients.sh).
    clients) has_venv || echo python3 python3-venv ;;
    # Real servers (scripts/interop.sh); each asks for what it is written in.
    interop)
        echo curl
        has python3 || echo python3
        ;;
    interop-java)
        has javac || echo default-jdk-headless
        has mvn || echo maven
        ;;
    interop-node) has npm || echo nodejs npm ;;
    interop-go) has go || echo golang-go ;;
    interop-postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql ;;
    # All that Debian has for its NGINX.
    debian-modules)
        printf 'libnginx-mod-http-%s\n' auth-pam brotli-filter brotli-static cache-purge dav-ext echo \
            fancyindex geoip geoip2 headers-more-filter image-filter js lua memc modsecurity ndk perl \
            set-misc srcache-filter subs-filter uploadprogress upstream-fair xslt-filter
        echo libnginx-mod-nchan
        ;;
    # A browser without a window, and what drives it (scripts/page.sh).
    page)
        has chromium || echo chromium-headless-shell
        has npm || echo nodejs npm
        ;;
    pictures) echo pngquant ;; # makes them small
    # Prometheus with promtool, and what scrapes and asks (scripts/monitoring.sh).
    monitoring)
        echo prometheus
        has python3 || echo python3
        ;;
    modules) echo libnginx-mod-http-set-misc ;;
    promtool) echo prometheus ;; # its service is of no use here, and may be stopped
    fuzz) echo g++ ;; # libFuzzer is written in C++
    deb) echo debhelper dpkg-dev groff-base lintian nginx-dev python3 xz-utils ;;
    roots) echo debootstrap util-linux ;;
    rpm) echo groff python3 rpm xz-utils ;;
    dist) echo git util-linux xz-utils ;;
    lint) echo shellcheck ;;
    # The alternatives that the module is measured beside; setpriv ends NGINX with the benchmark.
    bench) echo libnginx-mod-http-js libnginx-mod-http-lua lua-cjson redis-tools util-linux ;;
    valgrind) echo valgrind ;;
    # What NGINX's own tests speak with, TLS and FastCGI among others.
    nginx-tests)
        echo libcache-memcached-perl libcryptx-perl libfcgi-perl libgd-perl libio-socket-ssl-perl \
            libscgi-perl openssl perl
        ;;
    mutants) ;; # a crate: cargo_mutants
    tools) tools_are_current || has_venv || echo python3 python3-venv ;;
    *) die "setup.sh: no group '$1'" ;;
    esac
}

# usage: lacking <package>...   (one query for all of them takes no time; it fails for unknown ones)
lacking() {
    local installed package
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qx "installed $package" <<<"$installed" || echo "$package"
    done
}

install_packages() {
    local sudo=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "missing: $*. Run 'apt-get install $*' as root, or install sudo"
        sudo=(sudo)
        [[ -t 2 && -z ${CI:-} ]] || sudo+=(-n)
        "${sudo[@]}" true || die "missing: $*. sudo does not let you install them"
    fi
    say "installing $* (a few minutes at most)"
    quietly build/setup.log ${sudo[@]+"${sudo[@]}"} "$root/scripts/apt.sh" "$@"
}

# Where nothing can be installed, what a build runs is looked for, all of it at once.
# usage: commands_are_there <group>...
commands_are_there() {
    local command absent=() commands=(cc make pkg-config)
    [[ " $* " != *" dist "* ]] || commands+=(git tar xz)
    for command in "${commands[@]}"; do
        command -v "$command" >/dev/null || absent+=("$command")
    done
    ((${#absent[@]} == 0)) || die "missing: ${absent[*]}. Install them with the packages of this system"
}

# The developers' tools are pinned, with their hashes, in tools.txt.
tools_are_current() { cmp -s scripts/tools.txt "$tools/installed.txt"; }

install_tools() {
    say "installing the developers' tools into $tools"
    rm -rf "$tools"
    quietly build/tools.log python3 -m venv "$tools"
    quietly build/tools.log "$tools/bin/pip" install --no-input --no-deps --require-hashes \
        --only-binary :all: --requirement scripts/tools.txt
    cp scripts/tools.txt "$tools/installed.txt"
}

# It is compiled: no wheel has it.
mutants_version=27.1.0
install_mutants() {
    [[ $(build/mutants/bin/cargo-mutants mutants --version 2>/dev/null) != "cargo-mutants $mutants_version" ]] || return 0
    say "installing cargo-mutants into build/mutants (some minutes)"
    quietly build/mutants.log cargo install --locked --debug --root build/mutants --version "$mutants_version" cargo-mutants
}

if [[ ${1:-} == --list ]]; then
    shift
    elsewhere=yes
    for group in "$@"; do packages "$group"; done
    exit
fi

scripts/rust.sh

wanted=()
for group in "$@"; do
    list=$(packages "$group")
    read -ra names <<<"${list//$'\n'/ }"
    wanted+=(${names[@]+"${names[@]}"})
done

if ((${#wanted[@]})); then
    if command -v apt-get >/dev/null; then
        list=$(lacking "${wanted[@]}")
        read -ra names <<<"${list//$'\n'/ }"
        ((${#names[@]} == 0)) || install_packages "${names[@]}"
    else
        say "no apt-get here: '${wanted[*]}', or what they are called here, have to be there"
        commands_are_there "$@"
    fi
fi

if [[ " $* " == *" tools "* ]]; then
    tools_are_current || install_tools
fi

if [[ " $* " == *" mutants "* ]]; then
    install_mutants
fi
