# Clean roots of Debian's releases, for the scripts that source it after lib.sh.
# shellcheck shell=bash disable=SC2154

((EUID == 0)) || die "roots are made by root only"

# usage: mirror <directory of the mirror>   (prints where apt here gets that from)
mirror() {
    local site
    # shellcheck disable=SC2016
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep "/$1/*$" | head -n 1)
    [[ -n $site ]] || die "apt here uses no mirror of Debian's $1"
    echo "$site"
}

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-roots-XXXXXX")
trap 'rm -rf "$place"' EXIT

# A root as debootstrap makes it, kept for the next time. Its services do not start.
# usage: fresh <suite> <directory>
fresh() {
    local options suite=$1 directory=$2 base=build/roots/$1.tar keys=/usr/share/keyrings/debian-archive-keyring.gpg
    if [[ ! -f $base ]]; then
        say "making a root of Debian's $suite"
        mkdir -p build/roots
        quietly "build/roots/$suite.log" debootstrap --variant=minbase --include=ca-certificates \
            "$suite" "$place/$suite" "$(mirror debian)"
        {
            options=signed-by=$keys
            # A mirror that lags has a sid that is out of date; its signature is looked at all the same.
            [[ $suite != sid ]] || options+=" check-valid-until=no"
            echo "deb [$options] $(mirror debian) $suite main"
            [[ $suite == sid ]] || echo "deb [$options] $(mirror debian-security) $suite-security main"
        } >"$place/$suite/etc/apt/sources.list"
        printf '#!/bin/sh\nexit 101\n' >"$place/$suite/usr/sbin/policy-rc.d"
        chmod 755 "$place/$suite/usr/sbin/policy-rc.d"
        printf '127.0.0.1 localhost\n::1 localhost\n' >"$place/$suite/etc/hosts"
        rm -rf "$place/$suite"/var/cache/apt/archives/*.deb
        tar --create --file "$base.new" --directory "$place/$suite" .
        mv "$base.new" "$base"
        rm -rf "${place:?}/$suite"
    fi
    mkdir -p "$directory"
    tar --extract --file "$base" --directory "$directory"
    cp /etc/resolv.conf "$directory/etc/resolv.conf"
}

# What is mounted for a command goes with it. The tree of the project is there, and only to be read, where
# the root has a directory of that name.
# usage: inside <root> <command> [argument...]
inside() {
    local directory=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork bash -ec '
        directory=$1 root=$2
        shift 2
        # A root that is a mount lets the tests have mounts of their own.
        mount --bind "$directory" "$directory"
        mount -t proc proc "$directory/proc"
        mount --rbind /dev "$directory/dev"
        if [[ -d $directory/$root ]]; then
            mount --bind -o ro "$root" "$directory/$root"
        fi
        exec chroot "$directory" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    ' inside "$directory" "$root" "$@"
}

apt=(apt-get -q -y --no-install-recommends -o Acquire::Retries=3)

# Whether the tarballs of `make dist` are those of the last commit.
dist_is_current() { [[ $(cat build/dist/commit 2>/dev/null) == "$(git rev-parse --verify HEAD)" ]]; }

# Builds the Debian packages of the last commit with Debian's own Rust, into build/deb-<suite>; makes the
# tarballs of `make dist` when they are not there yet. PROFILE=dev is for a quick look at the rest.
# usage: build_packages <suite>
build_packages() {
    local suite=$1 directory=$place/build-$1 archive commit
    commit=$(git rev-parse --verify HEAD)
    dist_is_current || scripts/dist.sh
    fresh "$suite" "$directory"
    for archive in build/dist/*.tar.xz; do
        tar --extract --file "$archive" --directory "$directory/srv" --strip-components=1
    done
    cp -r packaging/debian "$directory/srv/debian"
    say "$suite: installing what the build needs"
    quietly "build/deb-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} update
        ${apt[*]} install dpkg-dev lintian
        ${apt[*]} build-dep /srv"
    say "$suite: building the packages, without a network (some minutes)"
    quietly "build/deb-$suite.log" unshare --net bash -c "$(declare -f inside); root=$root; inside '$directory' env PROFILE=${PROFILE:-dist} /srv/scripts/deb.sh --unpacked"
    say "$suite: lintian"
    inside "$directory" bash -ec 'lintian --fail-on error --allow-root /*.changes'
    rm -rf "build/deb-$suite"
    mkdir -p "build/deb-$suite"
    cp "$directory"/*.deb "build/deb-$suite/"
    echo "$commit" >"build/deb-$suite/commit"
    rm -rf "$directory"
}
