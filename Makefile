.DEFAULT_GOAL := help

.PHONY: help
help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Everything installs what it lacks (Debian: apt-get, as root or with sudo). Settings:"
	@echo "  WITH_NGINX=debian|vendored   Debian's NGINX (default), or the newest of the nginx-src crate"
	@echo "  NGINX_BUILD_DIR=.../objs     any other, configured --with-compat and built there"
	@echo "  TEST=name                    only the tests with this in their name"

.PHONY: build
build: ## build/ngx_http_sts_module.so and build/nginx, the NGINX it is for (QUICK=1: in less time, slower)
	@scripts/build.sh

.PHONY: install
install: ## puts the module where this NGINX looks for its modules (as root; DESTDIR=...)
	@scripts/install.sh

.PHONY: demo
demo: ## an STS, a backend and NGINX, and an exchange (ONCE=1: then stop; SCENE=wstrust|obo|mint|redis|mcp)
	@scripts/demo.sh

.PHONY: man
man: ## build/man/ngx_http_sts_module.5, the manual page of the directives
	@scripts/man.sh

.PHONY: test
test: ## all tests: the crates' own, then end to end on both NGINX versions
	@scripts/test.sh unit
	@env -u NGINX_BUILD_DIR WITH_NGINX=debian scripts/test.sh e2e
	@env -u NGINX_BUILD_DIR WITH_NGINX=vendored scripts/test.sh e2e

.PHONY: test-unit
test-unit: ## the crates' own tests, without NGINX
	@scripts/test.sh unit

.PHONY: test-e2e
test-e2e: ## the tests on a real NGINX (one: WITH_NGINX=...)
	@scripts/test.sh e2e

.PHONY: test-versions
test-versions: ## end to end on each NGINX of Debian and of crates, in clean roots (VERSIONS="trixie sid")
	@env -u NGINX_BUILD_DIR scripts/versions.sh

.PHONY: check-arm64
check-arm64: ## whether the module compiles for arm64, in a clean root
	@env -u NGINX_BUILD_DIR scripts/arm64.sh

.PHONY: test-demo
test-demo: ## every scene of the demonstration, once
	@for scene in demo/*/scene.sh; do \
		ONCE=1 SCENE=$$(basename $$(dirname $$scene)) scripts/demo.sh || exit; \
	done

.PHONY: test-readers
test-readers: ## what PHP, Express, Rack, Django, Flask, aiohttp and Tomcat read as the token
	@scripts/readers.sh

.PHONY: test-stores
test-stores: ## two NGINXs and a Redis or memcached that they share, which fails in every way
	@scripts/stores.sh

.PHONY: test-verifiers
test-verifiers: ## whether PyJWT, jose (Node) and jose4j verify the tokens that NGINX mints
	@scripts/verifiers.sh

.PHONY: test-clients
test-clients: ## gRPC, HTTP/3, streams, uploads of 1 GiB, Debian's modules (STS_UPLOAD=bytes)
	@env -u NGINX_BUILD_DIR WITH_NGINX=debian scripts/clients.sh
	@env -u NGINX_BUILD_DIR WITH_NGINX=vendored scripts/clients.sh

.PHONY: interop
interop: ## exchanges at real servers, each fetched and started (SERVER=keycloak: one; UPDATE=1: docs/interop.md)
	@scripts/interop.sh

.PHONY: test-page
test-page: ## the status page in Chromium: values, keyboard, axe-core (UPDATE=1: its pictures anew)
	@scripts/page.sh

.PHONY: test-monitoring
test-monitoring: ## alerts by promtool, and each query of the dashboard on a Prometheus
	@scripts/monitoring.sh

.PHONY: chaos
chaos: ## 1,000,000 requests over two nodes while everything fails (STS_CHAOS=number, STS_CHAOS_SEED=...)
	@scripts/stores.sh chaos

.PHONY: soak
soak: ## 200,000 exchanges with faults, leaving clients and reloads (STS_SOAK=number: so many)
	@scripts/test.sh soak

.PHONY: test-refresh
test-refresh: ## one token at 500 requests a second for two minutes (STS_REFRESH=seconds)
	@scripts/test.sh refresh

.PHONY: test-doors
test-doors: ## 1,200 generated configurations, none with a side door (STS_DOORS=number, STS_DOORS_SEED=...)
	@env -u NGINX_BUILD_DIR WITH_NGINX=debian scripts/test.sh doors
	@env -u NGINX_BUILD_DIR WITH_NGINX=vendored scripts/test.sh doors

.PHONY: test-promtool
test-promtool: ## what Prometheus's own tool says of the metrics (installs Debian's prometheus)
	@scripts/test.sh promtool

.PHONY: test-memcheck
test-memcheck: ## a shorter soak and a set of tests under valgrind
	@scripts/memcheck.sh

.PHONY: test-nginx-tests
test-nginx-tests: ## NGINX's own tests with and without this module (NGINX_TESTS=/path of nginx-tests)
	@scripts/nginx-tests.sh "$(NGINX_TESTS)"

.PHONY: test-asan
test-asan: ## the end-to-end tests and a short soak under AddressSanitizer
	@scripts/asan.sh

.PHONY: zone-costs
zone-costs: ## what the shared cache costs: memory, time and instructions (some minutes)
	@scripts/zone-costs.sh

.PHONY: bench
bench: ## the module beside its alternatives, into bench/RESULTS.md (QUICK=1: three minutes)
	@scripts/bench.sh run

.PHONY: bench-check
bench-check: ## instruction counts, none of which may have grown (UPDATE=1: accept them)
	@scripts/bench.sh check

.PHONY: fuzz-smoke
fuzz-smoke: ## each fuzz target for a minute (FUZZ_SECONDS=...)
	@scripts/fuzz.sh

.PHONY: test-mutants
test-mutants: ## breaks the key of the cache, options and profiles; a test has to notice each (an hour)
	@scripts/mutants.sh

.PHONY: lint
lint: ## format, clippy, crates' licences and origins, spelling, scripts, what the documents claim
	@scripts/lint.sh

.PHONY: dist
dist: ## build/dist: tarballs of the source and of its crates, with their SHA-512
	@scripts/dist.sh

.PHONY: deb
deb: ## build/deb: a package for the NGINX of this Debian
	@env -u NGINX_BUILD_DIR scripts/deb.sh

.PHONY: test-deb
test-deb: ## the package of Debian 12 and of 13: built, installed, used, upgraded, purged in clean roots
	@env -u NGINX_BUILD_DIR scripts/test-deb.sh

.PHONY: rpm
rpm: ## build/rpm: an RPM, built with Debian's NGINX to show that the spec file is right
	@env -u NGINX_BUILD_DIR scripts/rpm.sh

.PHONY: test-dist
test-dist: ## builds from these tarballs, by NGINX's own build, twice, without a network
	@env -u NGINX_BUILD_DIR scripts/test-dist.sh

.PHONY: clean
clean: ## remove all that was made
	rm -rf build target
