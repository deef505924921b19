# make run does everything from a bare checkout to a running server; make help lists the rest.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=
FUZZ_RUNS ?= 1000000
FUZZ_SECONDS ?=

export FUZZ_RUNS FUZZ_SECONDS

.DEFAULT_GOAL := help
.PHONY: run test build bench lint fuzz install clean asan tsan coverage docs web help

help: ## this list
	@echo 'make run ARGS="rtsp://..."   build and start the server'
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' Makefile | while read -r t h; do printf 'make %-10s %s\n' "$$t" "$$h"; done

build: ## build/omma, with everything it needs
	@tools/setup.sh build
	@tools/build.sh $(BUILD)

run: build ## build, then omma run $(ARGS)
	@exec $(BUILD)/omma run $(ARGS)

test: build ## unit tests and stories; ends with "N passed, N failed"
	@tools/setup.sh test
	@tools/test.py $(BUILD)

bench: build ## all benchmarks, one JSON object each
	@$(BUILD)/omma bench all --json $(ARGS)

lint: build ## what CI checks in the text of the tree
	@tools/setup.sh lint
	@tools/lint.sh $(BUILD)

asan: ## unit tests under AddressSanitizer and UBSan, in build-asan
	@tools/setup.sh build
	@tools/build.sh build-asan -Db_sanitize=address,undefined -Db_lundef=false
	@meson test -C build-asan --no-rebuild --print-errorlogs --timeout-multiplier 4

tsan: ## unit tests under ThreadSanitizer, in build-tsan
	@tools/setup.sh build
	@tools/build.sh build-tsan -Db_sanitize=thread -Db_lundef=false -Db_pie=true
	@meson test -C build-tsan --no-rebuild --print-errorlogs --timeout-multiplier 4

coverage: ## line coverage of src/ by the unit tests and stories
	@tools/setup.sh build test
	@tools/build.sh build-coverage -Db_coverage=true --buildtype=debug
	@tools/test.py build-coverage || true
	@gcovr --root . --filter src/ --exclude '.*_test\.c' build-coverage

fuzz: ## every fuzz target, FUZZ_RUNS inputs or FUZZ_SECONDS each
	@tools/setup.sh build fuzz
	@tools/fuzz.sh

docs: build ## the generated pages of docs/: options and metrics
	@tools/docs.sh $(BUILD)

WEB_FILES := $(if $(wildcard web/package.json),$(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*'))
ifneq ($(WEB_FILES),)
build asan tsan coverage fuzz: web/dist/.built
web: web/dist/.built ## the page (web/dist), embedded in the binary
else
web: ## the page (web/dist), embedded in the binary
endif
web/dist/.built: $(WEB_FILES)
	@tools/setup.sh web
	@cd web && npm ci --no-audit --no-fund && npm run build && touch dist/.built

install: build ## to DESTDIR and PREFIX (/usr/local)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean: ## remove what was built (deps/ stays)
	rm -rf build build-*
