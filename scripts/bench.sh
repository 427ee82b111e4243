#!/usr/bin/env bash
# Measures the module, built as it is packaged, on Debian's NGINX.
# usage: bench.sh run      all contestants side by side, written to bench/   (QUICK=1: a short look)
#        bench.sh check    instruction counts against bench/instructions.txt (UPDATE=1: write them)
#        (ONLY=name: only what has this in its name; KEEP=dir: callgrind's files of check go there)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

kind=$1
# The other contestants are packages for Debian's NGINX.
[[ $flavour == debian ]] || die "the benchmark runs on Debian's NGINX only"
case $kind in
run) scripts/setup.sh build nginx bench ;;
check) scripts/setup.sh build nginx valgrind ;;
*) die "usage: bench.sh run|check" ;;
esac
scripts/nginx.sh
cargo_for_nginx
say "building the module and the benchmark (profile dist, a few minutes at first)"
for package in ngx-http-sts bench; do
    cargo build ${locked[@]+"${locked[@]}"} --package "$package" --profile dist
done

options=(--nginx "$root/$out/nginx" --module "$root/$target/dist/libngx_http_sts_module.so"
    --place "$root/bench")
[[ -z ${QUICK:-} ]] || options+=(--quick)
[[ -z ${UPDATE:-} ]] || options+=(--update)
[[ -z ${ONLY:-} ]] || options+=(--only "$ONLY")
[[ -z ${KEEP:-} ]] || options+=(--keep "$(realpath "$KEEP")")
exec "$target/dist/sts-bench" "$kind" "${options[@]}"
