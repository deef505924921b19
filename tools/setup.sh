#!/usr/bin/env bash
# Installs and fetches what Omma needs on Debian 12 or newer. Safe to run again: what is there is
# left alone, and then it takes a fraction of a second.
#
#   tools/setup.sh GROUP...
#
#   build   compiler, libraries, and deps/: ONNX Runtime and llhttp (pinned by SHA-256)
#   test    what the tests drive: ffmpeg, an RTSP server, a browser, and a Python in deps/venv
#   lint    clang-format, cppcheck, shellcheck, ctags
#   fuzz    clang with libFuzzer
#   web     node and npm, for the page
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
deps=$root/deps

build_packages=(
    gcc libc6-dev make pkg-config meson ninja-build git ca-certificates
    python3 python3-pip python3-venv python3-setuptools
    libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
    libssl-dev libnghttp2-dev libwslay-dev libprotobuf-c-dev protobuf-c-compiler
    libjansson-dev libyaml-dev libsqlite3-dev
    libturbojpeg0-dev libspng-dev libwebp-dev libudev-dev libsodium-dev libcurl4-openssl-dev
)
test_packages=(
    ffmpeg chromium valgrind gcovr openssl curl python3-venv
    python3-gi gir1.2-gst-rtsp-server-1.0
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
)
lint_packages=(clang-format clang-tidy cppcheck shellcheck universal-ctags)
fuzz_packages=(clang llvm)
web_packages=()

ort_version=1.31.1
ort_header_sha256=7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882
ort_header_sha256_newer=d683537d0fdc29e977b5520f7f15d87a0ac212ae6d94fa9be8893a52655621ae
ort_header_go_module=github.com/yalue/onnxruntime_go@v1.18.0
llhttp_version=9.3.0.0
llhttp_sha256=0d989363e7fb6f270b9d49956e7a3945c26778f8c70a166815264309ac6a8295
case $(uname -m) in
    x86_64)
        ort_platform=manylinux_2_28_x86_64
        ort_sha256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
        ;;
    aarch64)
        ort_platform=manylinux_2_28_aarch64
        ort_sha256=da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3
        ;;
    *)
        ort_platform=
        ort_sha256=
        ;;
esac

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 69 # EX_UNAVAILABLE
}

sha256_is() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# ---- Debian packages ---------------------------------------------------------------------------

missing_packages() {
    # It fails when it does not know one of them, which is just what is asked here.
    # shellcheck disable=SC2016  # the dollars are dpkg-query's
    { dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
        sed -n 's/^installed //p' | sort -u >"$tmp/installed"
    printf '%s\n' "$@" | sort -u | comm -23 - "$tmp/installed"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
        sudo "$@"
    else
        die "this needs root: run 'sudo apt-get install ${missing[*]}' once, then call again"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=900 \
        -o Acquire::Retries=3 install --no-install-recommends "$@" >&2 </dev/null
}

apt_update() {
    local try
    for try in 1 2 3 4 5; do
        as_root apt-get -q -o Acquire::Retries=3 update >&2 </dev/null && return 0
        say "apt-get update did not succeed (try $try of 5), again in 10 s"
        sleep 10
    done
    die "apt-get update fails: is this machine online, and /etc/apt/sources.list right?"
}

install_packages() {
    [ $# -gt 0 ] || return 0
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "no apt-get here: Omma builds on Debian 12 or newer. Missing: ${missing[*]}"
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    if ! apt_install "${missing[@]}"; then
        say "once more with fresh package lists"
        apt_update
        apt_install "${missing[@]}" ||
            die "apt-get could not install them (see above); install them by hand, then call again"
    fi
}

# ---- pinned files in deps/ ---------------------------------------------------------------------

# A Python that has pip: the caller's, else Debian's.
pip_download() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip --quiet --disable-pip-version-check download --no-deps "$@" >&2
            return
        fi
    done
    die "no python3 with pip found: install python3-pip"
}

verified() { # FILE SHA256
    sha256_is "$1" "$2" && return 0
    die "${1##*/} has another SHA-256 than the one pinned in tools/setup.sh; nothing was installed"
}

fetch_ort_library() {
    [ "$(cat "$deps/onnxruntime/VERSION" 2>/dev/null)" = "$ort_version" ] && return 0
    [ -n "$ort_platform" ] || die "no pinned ONNX Runtime for $(uname -m): x86_64 and aarch64 only"
    say "fetching ONNX Runtime $ort_version (PyPI)"
    pip_download --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
        --platform "$ort_platform" --dest "$tmp/ort" "onnxruntime==$ort_version" ||
        die "PyPI did not give onnxruntime $ort_version; is this machine online?"
    local wheel
    wheel=$(find "$tmp/ort" -name '*.whl')
    verified "$wheel" "$ort_sha256"
    python3 -m zipfile -e "$wheel" "$tmp/ort/x"
    mkdir -p "$deps/onnxruntime/lib"
    cp "$tmp/ort/x/onnxruntime/LICENSE" "$tmp/ort/x/onnxruntime/ThirdPartyNotices.txt" \
        "$deps/onnxruntime/"
    install -m 755 "$tmp/ort/x/onnxruntime/capi/libonnxruntime.so.$ort_version" \
        "$deps/onnxruntime/lib/libonnxruntime.so.1"
    echo "$ort_version" >"$deps/onnxruntime/VERSION"
}

# The header is the same text wherever it comes from; the Go module has it with DOS line ends.
accept_ort_header() { # FILE
    [ -f "$1" ] || return 1
    tr -d '\r' <"$1" >"$tmp/onnxruntime_c_api.h"
    sha256_is "$tmp/onnxruntime_c_api.h" "$ort_header_sha256" ||
        sha256_is "$tmp/onnxruntime_c_api.h" "$ort_header_sha256_newer" || return 1
    mkdir -p "$deps/onnxruntime/include"
    cp "$tmp/onnxruntime_c_api.h" "$deps/onnxruntime/include/"
}

ort_header_from_debian() {
    local apt=$tmp/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror
    accept_ort_header /usr/include/onnxruntime/onnxruntime_c_api.h && return 0
    [ -f "$keyring" ] && command -v apt-get >/dev/null || return 1
    # The mirror that this machine uses for everything else.
    # shellcheck disable=SC2016  # apt's own variable
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sed '/security/d' | sed -n 1p)
    [ -n "$mirror" ] || return 1
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/deb"
    # Lists and caches of its own: the machine's package state stays as it is.
    echo "deb [signed-by=$keyring] $mirror trixie main" >"$apt/sources.list"
    local options=(
        -q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Acquire::Languages=none
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3
        -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update >&2 </dev/null || return 1
    (cd "$apt/deb" && apt-get "${options[@]}" download libonnxruntime-dev >&2 </dev/null) ||
        return 1
    dpkg-deb -x "$apt"/deb/libonnxruntime-dev_*.deb "$apt/x" || return 1
    accept_ort_header "$apt/x/usr/include/onnxruntime/onnxruntime_c_api.h"
}

ort_header_from_go() {
    command -v go >/dev/null || return 1
    (cd "$tmp" && GOPATH=$tmp/go GOFLAGS='-mod=mod -modcacherw' \
        go mod download "$ort_header_go_module" >&2) || return 1
    accept_ort_header "$tmp/go/pkg/mod/$ort_header_go_module/onnxruntime_c_api.h"
}

fetch_ort_header() {
    [ -f "$deps/onnxruntime/include/onnxruntime_c_api.h" ] && return 0
    say "fetching the ONNX Runtime C header (libonnxruntime-dev of Debian 13)"
    ort_header_from_debian && return 0
    say "the archive does not have the pinned header any more; trying the Go module"
    ort_header_from_go && return 0
    die "no ONNX Runtime header: install golang-go and call again, or put the 1.21
       onnxruntime_c_api.h into deps/onnxruntime/include/ yourself"
}

fetch_llhttp() {
    [ "$(cat "$deps/llhttp/VERSION" 2>/dev/null)" = "$llhttp_version" ] && return 0
    say "fetching llhttp $llhttp_version (PyPI)"
    pip_download --no-binary=llhttp --dest "$tmp/llhttp" "llhttp==$llhttp_version" ||
        die "PyPI did not give llhttp $llhttp_version; is this machine online?"
    local sdist=$tmp/llhttp/llhttp-$llhttp_version.tar.gz
    verified "$sdist" "$llhttp_sha256"
    tar -xzf "$sdist" -C "$tmp/llhttp"
    mkdir -p "$deps/llhttp"
    local from=$tmp/llhttp/llhttp-$llhttp_version
    cp "$from/LICENSE" "$from"/lib/*.[ch] "$deps/llhttp/"
    echo "$llhttp_version" >"$deps/llhttp/VERSION"
}

# ---- groups ------------------------------------------------------------------------------------

setup_build() {
    install_packages "${build_packages[@]}"
    fetch_ort_library
    fetch_ort_header
    fetch_llhttp
}

setup_test() {
    install_packages "${test_packages[@]}"
    local wanted=$root/tests/requirements.txt stamp=$deps/venv/.made-from
    [ -f "$wanted" ] || return 0
    cmp -s "$wanted" "$stamp" && return 0
    say "making deps/venv from tests/requirements.txt"
    rm -rf "$deps/venv"
    /usr/bin/python3 -m venv "$deps/venv"
    "$deps/venv/bin/pip" --quiet --disable-pip-version-check install --only-binary=:all: \
        --require-hashes -r "$wanted" >&2 ||
        die "PyPI did not give all of tests/requirements.txt (see above)"
    cp "$wanted" "$stamp"
}

setup_fuzz() {
    install_packages "${fuzz_packages[@]}"
    # The sanitizers' and libFuzzer's own code comes in a package named after clang's version.
    local version
    version=$(clang -dumpversion)
    install_packages "libclang-rt-${version%%.*}-dev"
}

setup_web() {
    # Any node from 18 on will do; Debian's comes only where there is none.
    command -v node >/dev/null || web_packages+=(nodejs)
    command -v npm >/dev/null || web_packages+=(npm)
    install_packages "${web_packages[@]}"
}

setup_group() {
    case $1 in
        build) setup_build ;;
        test) setup_test ;;
        lint) install_packages "${lint_packages[@]}" ;;
        fuzz) setup_fuzz ;;
        web) setup_web ;;
        *) die "unknown group '$1': build, test, lint, fuzz or web" ;;
    esac
}

[ $# -gt 0 ] || set -- build
mkdir -p "$deps"
exec 9>"$deps/.lock"
flock 9 # two calls at once take turns
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for group in "$@"; do
    setup_group "$group"
done
