#!/usr/bin/env bash
# What docs/monitoring has for Prometheus and Grafana: promtool looks at it and runs the tests of the
# alerts, and a Prometheus runs each query of the dashboard.
# usage: monitoring.sh [URL]     (URL: an STSStatus that is scraped, and not numbers that are made up)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh monitoring
sources=crates/e2e/monitoring

say "alerts and their tests"
promtool check config docs/monitoring/prometheus.yml
promtool test rules docs/monitoring/alerts_test.yml
say "queries of the dashboard"
python3 -B "$sources/queries.py" "$@"
[[ -z ${1:-} ]] || exit 0

scripts/setup.sh build test tools
scripts/build.sh --only-flavour
say "the same of an NGINX under load"
STS_TEST_MONITORING=1 STS_TEST_NGINX=$root/$out/nginx STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --package e2e --filterset 'test(/^watched::/)' --run-ignored all \
    prometheus </dev/null
