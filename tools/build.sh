#!/usr/bin/env bash
# Configures a build folder if that is not done yet, then builds it.
#   tools/build.sh FOLDER [MESON OPTION...]
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
shift
if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" -Dwerror=true "$@" >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        echo "build: meson could not configure $folder (see above); tools/setup.sh build first?" >&2
        exit 1
    }
    mv "$folder.log" "$folder/setup.log"
fi
ninja --quiet -C "$folder"
