#!/usr/bin/env python3
"""Runs the unit tests of a build folder and the stories of tests/, and adds them up.

usage: test.py [BUILD [--unit]]    (--unit: without the stories)
The last line is "N passed, N failed" (", N skipped" behind where some were); the exit status is 1
when anything failed, or when nothing ran at all.
"""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
MESON_RESULTS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def sanitizer(build):
    options = json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())
    return next(o["value"] for o in options if o["name"] == "b_sanitize")


def fixed_addresses():
    """gcc 12's ThreadSanitizer cannot live with the address randomness of newer kernels."""
    setarch = shutil.which("setarch")
    call = [setarch, os.uname().machine, "-R"]
    works = setarch and subprocess.run(call + ["true"], capture_output=True).returncode == 0
    return call if works else []


def unit_tests(build):
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    kind = sanitizer(build)
    call = fixed_addresses() if "thread" in kind else []
    call += ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs"]
    if kind != "none":
        call += ["--timeout-multiplier", "5"]
    status = subprocess.call(call, stdin=subprocess.DEVNULL)
    count = collections.Counter()
    lines = log.read_text().splitlines() if log.exists() else []
    for line in lines:
        count[MESON_RESULTS.get(json.loads(line)["result"], "failed")] += 1
    if status != 0 and not count["failed"]:
        count["failed"] += 1  # meson itself gave up
    return count


def stories(build):
    count = collections.Counter()
    if not any((ROOT / "tests").rglob("test_*.py")):
        return count
    report = build / "stories.xml"
    report.unlink(missing_ok=True)
    env = dict(os.environ, OMMA_BINARY=str(build / "omma"), OMMA_SOURCE=str(ROOT))
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        env.setdefault("OMMA_SHARED", str(shared))
    status = subprocess.call([ROOT / "deps" / "venv" / "bin" / "python", "-m", "pytest", "-q",
                              "-p", "no:cacheprovider", f"--junitxml={report}", "tests"],
                             cwd=ROOT, env=env, stdin=subprocess.DEVNULL)
    if report.exists():
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            kinds = {child.tag for child in case}
            failed = kinds & {"failure", "error"}
            count["failed" if failed else "skipped" if "skipped" in kinds else "passed"] += 1
    if status not in (0, 5) and not count["failed"]:
        count["failed"] += 1  # pytest itself gave up
    return count


def main():
    folders = [a for a in sys.argv[1:] if not a.startswith("-")]
    build = (ROOT / (folders[0] if folders else "build")).resolve()
    count = unit_tests(build)
    if "--unit" not in sys.argv:
        count += stories(build)
    sys.stdout.flush()
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
