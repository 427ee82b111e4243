.DEFAULT_GOAL := help

# Given on the command line or in the environment; the scripts read them.
export WITH_NGINX NGINX_BUILD_DIR NGINX_SOURCE_DIR NGINX_BINARY PROFILE TEST ONCE

.PHONY: help
help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build/ngx_http_sts_module.so and build/nginx, the NGINX it is for
	@scripts/build.sh

.PHONY: clean
clean: ## remove all that was made
	rm -rf build target
