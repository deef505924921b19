#!/usr/bin/env bash
# Builds every fuzz/*_fuzz.c with clang, libFuzzer, ASan and UBSan in build-fuzz, and runs each:
# FUZZ_RUNS inputs (default 1,000,000), or FUZZ_SECONDS each, or FUZZ_TOTAL_SECONDS shared by all.
# A finding is left as build-fuzz/NAME-crash-*. The last line is "N passed, N failed".
#   tools/fuzz.sh [NAME...]
set -euo pipefail
cd "$(dirname "$0")/.."

build='build-fuzz'
if [ $# -gt 0 ]; then names=("$@"); else
    mapfile -t names < <(find fuzz -name '*_fuzz.c' -printf '%f\n' 2>/dev/null |
        sed 's/_fuzz\.c$//' | sort)
fi
if [ "${#names[@]}" = 0 ]; then
    echo "0 passed, 0 failed"
    exit 0
fi

options=()
[ ! -f $build/build.ninja ] || options+=(--reconfigure) # fuzz/ may have new targets
CC=clang meson setup $build "${options[@]}" -Dfuzz=true -Db_sanitize=address,undefined \
    -Db_lundef=false -Dwerror=false >$build.log 2>&1 || {
    cat $build.log >&2
    exit 1
}
mv $build.log $build/setup.log
ninja --quiet -C $build fuzz-targets

if [ -n "${FUZZ_TOTAL_SECONDS:-}" ]; then
    seconds=$((FUZZ_TOTAL_SECONDS / ${#names[@]}))
    limit="-max_total_time=$((seconds > 0 ? seconds : 1))"
elif [ -n "${FUZZ_SECONDS:-}" ]; then
    limit="-max_total_time=$FUZZ_SECONDS"
else
    limit="-runs=${FUZZ_RUNS:-1000000}"
fi

export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
export LSAN_OPTIONS="suppressions=$PWD/tools/asan.supp:print_suppressions=0"
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
passed=0
failed=0
for name in "${names[@]}"; do
    log=$build/$name.log
    mkdir -p "$build/corpus/$name"
    call=("$build/fuzz/${name}_fuzz" "$limit" -timeout=10 -rss_limit_mb=1024
        -artifact_prefix="$build/$name-" -print_final_stats=1 "$build/corpus/$name")
    [ ! -d "fuzz/corpus/$name" ] || call+=("fuzz/corpus/$name")
    [ ! -f "fuzz/$name.dict" ] || call+=("-dict=fuzz/$name.dict")
    if "${call[@]}" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "fuzz $name: ok, ${runs:-?} inputs"
    else
        failed=$((failed + 1))
        tail -n 40 "$log"
        echo "fuzz $name: FAILED, all of it in $log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
