#!/usr/bin/env python3
"""Compiles each header of src/ by itself, so that each includes what it needs.

usage: check_headers.py SOURCE_ROOT BUILD_ROOT
The flags are those of the library itself, taken from the build's compile_commands.json.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def library_flags(build_root):
    """The compiler call of one library source, without its input and outputs."""
    commands = json.loads((build_root / "compile_commands.json").read_text())
    ours = [c for c in commands if "libomma.a.p/" in c["command"]]
    words = shlex.split(ours[0]["command"])
    flags = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MQ", "-MT", "-c"):
            skip = True
        elif word not in ("-MD", "-MMD"):
            flags.append(word)
    return flags


def check(flags, build_root, header):
    call = flags + ["-fsyntax-only", "-x", "c", "-include", str(header), os.devnull]
    done = subprocess.run(call, cwd=build_root, capture_output=True, text=True)
    return header, done.returncode, done.stderr


def main():
    source_root, build_root = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
    headers = sorted((source_root / "src").rglob("*.h"))
    flags = library_flags(build_root)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, status, text in pool.map(lambda h: check(flags, build_root, h), headers):
            if status != 0:
                failed += 1
                print(f"{header.relative_to(source_root)} does not compile by itself:\n{text}")
    print(f"{len(headers)} headers, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
