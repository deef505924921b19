#!/usr/bin/env python3
"""Checks who includes whom against tools/layers.txt.

It fails on an edge between folders that the table does not allow, on a cycle of headers, on a
library's header outside the places it stays behind, and on a folder that ARCHITECTURE.md leaves out.
"""
import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


class Table:
    def __init__(self, text):
        self.folders = {}
        self.libraries = []
        self.system = []
        section = None
        for line in text.splitlines():
            line = line.split("#")[0].strip()
            if not line:
                continue
            if line.startswith("["):
                section = line.strip("[]")
            elif section == "system":
                self.system += line.split()
            else:
                name, _, allowed = line.partition(":")
                if section == "folders":
                    self.folders[name] = allowed.split()
                else:
                    self.libraries.append((name, allowed.split()))

    def may_include(self, user, used):
        allowed = self.folders.get(user, [])
        if used in (user, "base"):
            return True
        return used in allowed or ("*" in allowed and "-" + used not in allowed)

    def library_places(self, header):
        """The places that may include it, or None for a header that everyone may include."""
        for pattern, places in self.libraries:
            if fnmatch.fnmatch(header, pattern):
                return places
        if any(fnmatch.fnmatch(header, pattern) for pattern in self.system):
            return None
        return []


def place(path):
    """'src/base/str.c' -> ('base', 'base/str.c'); 'bench/gate.c' -> ('bench', 'bench/gate.c')."""
    parts = path.relative_to(ROOT).parts
    inner = parts[1:] if parts[0] == "src" else parts
    return inner[0], "/".join(inner)


def check_file(table, path, graph):
    problems = []
    folder, name = place(path)
    for mark, header in INCLUDE.findall(path.read_text(errors="replace")):
        used = header.split("/")[0]
        if mark == '"' and (used in table.folders or (ROOT / "src" / header).is_file()):
            graph.setdefault(name, []).append(header)
            if not table.may_include(folder, used):
                problems.append(f"{name} includes {header}: {folder}/ may not include {used}/")
            continue
        places = table.library_places(header)
        if places is not None and folder != "bench" and folder not in places and name not in places:
            where = ", ".join(places) or "no place; name it in tools/layers.txt"
            problems.append(f"{name} includes {header}: it stays behind {where}")
    return problems


def header_cycles(graph):
    problems = []
    done = set()

    def visit(name, path):
        if name in path:
            problems.append("headers in a cycle: " + " -> ".join(path[path.index(name):] + [name]))
        elif name not in done:
            for header in graph.get(name, []):
                visit(header, path + [name])
            done.add(name)

    for name in sorted(graph):
        if name.endswith(".h"):
            visit(name, [])
    return problems


def check_folders(table):
    problems = []
    page = ROOT / "ARCHITECTURE.md"
    text = page.read_text() if page.exists() else None
    for folder in sorted(p.name for p in (ROOT / "src").iterdir() if p.is_dir()):
        if folder not in table.folders:
            problems.append(f"src/{folder}/ has no line in tools/layers.txt")
        if text is not None and f"{folder}/" not in text:
            problems.append(f"src/{folder}/ has no line in ARCHITECTURE.md")
    return problems


def main():
    table = Table((ROOT / "tools" / "layers.txt").read_text())
    graph = {}
    problems = check_folders(table)
    for top in ("src", "bench", "fuzz"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            problems += check_file(table, path, graph)
    problems += header_cycles(graph)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
