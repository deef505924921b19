#!/usr/bin/env bash
# Every check that needs no running server. Each prints one line; the last line adds them up.
#   tools/lint.sh [BUILD]
set -uo pipefail
cd "$(dirname "$0")/.." || exit

build=${1:-build}
passed=0
failed=0

check() { # NAME COMMAND...
    local name=$1 text
    shift
    if text=$("$@" 2>&1 </dev/null); then
        passed=$((passed + 1))
        echo "lint $name: ok"
    else
        failed=$((failed + 1))
        printf '%s\nlint %s: FAILED\n' "$text" "$name"
    fi
}

c_files() { git ls-files -co --exclude-standard -- 'src/*.[ch]' 'bench/*.[ch]' 'fuzz/*.[ch]' 'tools/*.[ch]'; }
shell_files() { git ls-files -co --exclude-standard -- '*.sh' .ci/run; }

format() { c_files | xargs -r clang-format --dry-run -Werror; }

# Errors only: its warnings need a human, and the compiler's own are errors already.
check_c() {
    c_files | grep '\.c$' | cppcheck --quiet --inline-suppr --suppressions-list=tools/cppcheck.supp --error-exitcode=1 --std=c11 \
        --library=posix -j "$(nproc)" -I src -D__GNUC__=12 -D__x86_64__ --file-list=-
}

check_shell() { shell_files | xargs -r shellcheck; }

# Omma starts no other program and no shell. bench/ may: it runs the servers it compares with.
no_programs_started() {
    local bad
    bad=$(find "$build/libomma.a.p" "$build/omma.p" -name '*.o' ! -name 'bench_*' \
        -exec nm -A -u {} + |
        grep -E ' U (system|popen|v?fork|_Fork|exec(l|le|lp|v|ve|vp|vpe)|f?execve(at)?|posix_spawnp?|wordexp)(@|$)')
    [ -z "$bad" ] || {
        echo "these objects can start another program:"
        echo "$bad"
        return 1
    }
}

check layers tools/check_layers.py
check style tools/check_style.py
check format format
check cppcheck check_c
check shellcheck check_shell
check no-programs-started no_programs_started

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
