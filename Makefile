# What a person types. Everything behind it is a script that also runs by itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SO := $(CURDIR)/target/release/libcivishare.so
export CIVISHARE_SO ?= $(SO)

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

packages: ## Install from Debian what is missing for building and testing
	@tests/host/packages.sh

module: packages ## Build the native PHP module (target/release/libcivishare.so)
	cargo build --locked --release -p civishare-php

demo: module ## Two real CiviCRM sites, linked, with one change shown on its way
	tests/demo/up.sh target/demo

demo-down: ## End what `make demo` started
	tests/host/down.sh target/demo

test: module ## All tests
	tests/run.sh

e2e: module ## The end-to-end tests on other sites: make e2e SITES="a.env b.env"
	tests/e2e/run.sh $(SITES)

bench: module ## Benchmarks, as ratios against an honest rival; also in target/bench.json
	benches/run.sh

soak: module ## The long tests: a night's worth
	tests/soak.sh

lint: packages ## Formats, lints, licences, stubs
	@tests/lint.sh

fmt: ## Format the Rust code
	cargo fmt --all

package: module ## The extension with its module, ready to install: target/civishare.zip
	git archive --format=zip --prefix=civishare/ --add-file=target/release/libcivishare.so -o target/civishare.zip HEAD:civishare-ext
	@echo target/civishare.zip

.PHONY: help packages module demo demo-down test e2e bench soak lint fmt package
