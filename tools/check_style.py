#!/usr/bin/env python3
"""Checks what clang-format does not see: banned functions, long functions and files, header manners.

The rules and their reasons are in CONTRIBUTING.md.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 1000
HEADER_INCLUDES_MAX = 4

BANNED = {
    "strcpy strcat strncat vsprintf sprintf strncpy": "use om_buf",
    "strtok strtok_r atoi atol atoll atof sscanf gets": "use the om_str readers",
    "alloca": "use an arena or a pool",
    "localtime gmtime asctime ctime": "not thread-safe; use base/time.h",
    "strerror": "not thread-safe; use base/error.h",
    "rand srand random srandom": "use base/rand.h",
    "system popen": "Omma starts no other programs",
}
BANNED_OUTSIDE_BASE = {
    "malloc calloc realloc reallocarray free strdup strndup": "use base/mem.h",
}
BANNED_OUTSIDE_BASE_AND_TESTS = {
    "printf fprintf vprintf vfprintf perror": "use base/log.h, or om_buf and one write",
}
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
MACHINE_PATH = re.compile(r"(?<![A-Za-z0-9_.-])/(work|farm|root)/|bash[_]jobs|[.]library/")
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".md", ".txt", ".build", ".yml", ".yaml", ".json",
                 ".proto", ".ts", ".tsx", ".js", ".css", ".html", ".supp", ".ini", ".in", ""}


def calls(table):
    names = {name: hint for group, hint in table.items() for name in group.split()}
    # A member of that name (ops->free(x), x.free(y)) is another function.
    pattern = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(names))
    return pattern, names


RULES_EVERYWHERE = calls(BANNED)
RULES_OUTSIDE_BASE = calls(BANNED_OUTSIDE_BASE)
RULES_PRINT = calls(BANNED_OUTSIDE_BASE_AND_TESTS)


def without_noise(text):
    """Comments, strings and characters become spaces, so that line numbers stay true."""
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def banned_calls(name, text):
    rules = [RULES_EVERYWHERE]
    if not name.startswith("src/base/"):
        rules.append(RULES_OUTSIDE_BASE)
        if not name.endswith("_test.c"):
            rules.append(RULES_PRINT)
    clean = without_noise(text)
    for pattern, hints in rules:
        for match in pattern.finditer(clean):
            line = clean.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: {match.group(1)}() is banned: {hints[match.group(1)]}"


def header_manners(name, text):
    if "#pragma once" not in text:
        yield f"{name}: no #pragma once"
    includes = re.findall(r'^\s*#\s*include\s+"', text, re.M)
    if len(includes) > HEADER_INCLUDES_MAX:
        yield (f"{name}: {len(includes)} project includes, at most {HEADER_INCLUDES_MAX}: "
               "declare what is only pointed to")


def text_manners(name, text):
    may_tab = pathlib.Path(name).name == "Makefile"
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line and not may_tab:
            yield f"{name}:{number}: a tab"
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the end of the line"
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path of one machine"


def function_lengths(names):
    """(file, function) -> lines, by ctags."""
    done = subprocess.run(["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "-f", "-",
                           "-L", "-"], input="\n".join(names), cwd=ROOT, text=True,
                          capture_output=True, check=True)
    lengths = {}
    for line in done.stdout.splitlines():
        function, name, *rest = line.split("\t")
        fields = dict(f.split(":", 1) for f in rest if ":" in f)
        if "end" in fields:
            lengths[name, function] = int(fields["end"]) - int(fields["line"]) + 1
    return lengths


def long_functions(names):
    allowed = {}
    for line in (ROOT / "tools" / "long_functions.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, function, lines = line.split()
            allowed[name, function] = int(lines)
    lengths = function_lengths(names)
    for key, lines in sorted(lengths.items()):
        limit = allowed.get(key, FUNCTION_LINES_MAX)
        if lines > limit:
            yield f"{key[0]}: {key[1]}() has {lines} lines, at most {limit}"
    for key, limit in sorted(allowed.items()):
        lines = lengths.get(key, 0)
        if lines <= FUNCTION_LINES_MAX:
            yield f"tools/long_functions.txt: {key[1]}() needs no exception any more, take it out"
        elif lines < limit:
            yield f"tools/long_functions.txt: {key[1]}() is down to {lines} lines, write that"


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    names = sorted(n for n in listed if n and (ROOT / n).is_file()
                   and pathlib.Path(n).suffix in TEXT_SUFFIXES)
    c_names = [n for n in names if n.endswith((".c", ".h")) and n.startswith(("src/", "bench/", "tools/"))]
    problems = []
    for name in names:
        text = (ROOT / name).read_text(errors="replace")
        if name.endswith((".c", ".h", ".py", ".sh", ".build")):
            problems += text_manners(name, text)
        elif MACHINE_PATH.search(text):
            problems.append(f"{name}: a path of one machine")
        if name in c_names:
            problems += banned_calls(name, text)
            if name.endswith(".h"):
                problems += header_manners(name, text)
            if len(text.splitlines()) > FILE_LINES_MAX:
                problems.append(f"{name}: more than {FILE_LINES_MAX} lines, split it")
    problems += long_functions([n for n in c_names if n.endswith(".c")])
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
