#!/usr/bin/env bash
# Packs the last commit: build/dist/nginx-sts-<version>.tar.xz, the source, and
# nginx-sts-<version>-vendor.tar.xz, the crates that it needs, with their SHA-512. Both unpack into one
# directory, which builds without any network. The same commit gives the same bytes.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/rust.sh
version=$(sed -n '/^\[workspace.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
name=nginx-sts-$version
commit=$(git rev-parse --verify HEAD)
[[ -z $(git status --porcelain) ]] || say "what is not committed is not packed"

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-dist-XXXXXX")
trap 'rm -rf "$place"' EXIT

say "packing $name of ${commit:0:12}"
git archive --prefix="$name/" "$commit" >"$place/$name.tar"
tar --extract --file "$place/$name.tar" --directory "$place"

# Cargo writes into its standard output what is to stand in the configuration, and with --quiet nothing.
# shellcheck disable=SC2016
(cd "$place/$name" && in_view bash -c 'cargo vendor --locked vendor >"$1" 2>"$2"' vendor \
    "$place/config.toml" "$place/vendor.log") || { tail -n 20 "$place/vendor.log" >&2 && die "cargo vendor failed"; }
grep --quiet '^replace-with' "$place/config.toml" || die "cargo vendor does not say how its crates are used"
sed 's|^directory = .*|directory = "vendor"|' "$place/config.toml" >"$place/$name/vendor/config.toml"
tar --create --directory "$place" --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s \
    --mtime="@$(git log -1 --format=%ct "$commit")" --file "$place/$name-vendor.tar" "$name/vendor"

mkdir -p build/dist
for file in "$name.tar" "$name-vendor.tar"; do
    in_view xz --threads=1 --check=crc64 --stdout "$place/$file" >"build/dist/$file.xz"
done
(cd build/dist && sha512sum "$name.tar.xz" "$name-vendor.tar.xz" >"$name.sha512")
echo "$commit" >build/dist/commit
say "build/dist: $(cd build/dist && du -h "$name.tar.xz" "$name-vendor.tar.xz" | awk '{ printf "%s (%s) ", $2, $1 }')"
