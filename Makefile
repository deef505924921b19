# make run does everything from a bare checkout to a running server; make help lists the rest.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=
# Per fuzz target: so many inputs, or so many seconds.
export FUZZ_RUNS ?= 1000000
export FUZZ_SECONDS ?=

.DEFAULT_GOAL := help
.PHONY: run test build bench lint format fuzz install clean asan tsan coverage docs web help

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
	@$(BUILD)/omma bench all --json $(if $(wildcard ../shared/data),--data ../shared/data) $(ARGS)

lint: build ## what CI checks in the text of the tree
	@tools/setup.sh lint
	@tools/lint.sh $(BUILD)

format: ## clang-format over src, bench, fuzz and tools
	@tools/setup.sh lint
	@git ls-files -co --exclude-standard -- 'src/*.[ch]' 'bench/*.[ch]' 'fuzz/*.[ch]' 'tools/*.[ch]' | xargs -r clang-format -i

asan: ## unit tests under AddressSanitizer and UBSan, in build-asan
	@tools/setup.sh build
	@tools/build.sh build-asan -Db_sanitize=address,undefined -Db_lundef=false
	@tools/test.py build-asan --unit

tsan: ## unit tests under ThreadSanitizer, in build-tsan
	@tools/setup.sh build
	@tools/build.sh build-tsan -Db_sanitize=thread -Db_lundef=false
	@tools/test.py build-tsan --unit

coverage: ## line coverage of src/ by the unit tests and stories
	@tools/setup.sh build test
	@tools/build.sh build-coverage -Db_coverage=true --buildtype=debug
	@tools/test.py build-coverage || true
	@gcovr --root . --filter src/ --exclude '.*_test\.c' build-coverage

fuzz: ## every fuzz target, FUZZ_RUNS inputs or FUZZ_SECONDS each
	@tools/setup.sh build fuzz
	@tools/fuzz.sh

docs: build ## the generated page docs/options.md
	@$(BUILD)/omma docs options >docs/options.md.new && mv docs/options.md.new docs/options.md

# The page is part of the program; it is built first where there is one.
ifneq ($(wildcard web/package.json),)
WEB_FILES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*')
WEB := web/dist/.built
build asan tsan coverage fuzz: $(WEB)
$(WEB): $(WEB_FILES)
	@tools/setup.sh web
	@cd web && npm ci --no-audit --no-fund && npm run build && touch dist/.built
endif

web: $(WEB) ## the page (web/dist), embedded in the program

install: build ## to DESTDIR and PREFIX (/usr/local)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja --quiet -C $(BUILD)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean: ## remove what was built (deps/ stays)
	rm -rf build build-*
