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
