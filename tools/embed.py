#!/usr/bin/env python3
"""Turns the built page into a C table (src/serve/assets.h).

usage: embed.py DIST OUTPUT.c DEPFILE
"""
import gzip
import hashlib
import pathlib
import re
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
HASHED_NAME = re.compile(r"-[A-Za-z0-9_-]{8}\.\w+$")  # what Vite calls its output


def c_bytes(name, data):
    rows = [",".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n"


def packed(data):
    """The gzip form, the same on every machine; nothing when it saves too little."""
    form = gzip.compress(data, 9, mtime=0)
    return form if len(form) < len(data) * 9 // 10 else b""


def slice_of(name, data):
    return f"{{(const char *){name}, {len(data)}}}" if data else '{"", 0}'


def asset(number, dist, path):
    data = path.read_bytes()
    small = packed(data)
    name = "/" + path.relative_to(dist).as_posix()
    content_type = TYPES.get(path.suffix)
    if content_type is None:
        sys.exit(f"embed: {path} is of no known type; add it to tools/embed.py")
    etag = '\\"' + hashlib.sha256(data).hexdigest()[:20] + '\\"'
    arrays = c_bytes(f"identity_{number}", data) if data else ""
    arrays += c_bytes(f"gzip_{number}", small) if small else ""
    immutable = "true" if HASHED_NAME.search(name) else "false"
    row = (f'    {{"{"/" if name == "/index.html" else name}", "{content_type}", "{etag}", '
           f'{slice_of(f"identity_{number}", data)}, {slice_of(f"gzip_{number}", small)}, '
           f"{immutable}}},\n")
    return arrays, row


def main():
    dist, output, depfile = (pathlib.Path(a) for a in sys.argv[1:4])
    if not (dist / "index.html").is_file():
        sys.exit("embed: the page is not built: run `make web` first "
                 "(it needs node and npm; `tools/setup.sh web` installs them)")
    paths = sorted(p for p in dist.rglob("*") if p.is_file() and not p.name.startswith("."))
    parts = [asset(number, dist, path) for number, path in enumerate(paths)]
    output.write_text('#include "serve/assets.h"\n\n' + "".join(arrays for arrays, _ in parts)
                      + "\nconst struct om_asset om_assets[] = {\n"
                      + "".join(row for _, row in parts) + "    {0},\n};\n")
    depfile.write_text(f"{output}: " + " ".join(str(p).replace(" ", "\\ ") for p in paths) + "\n")


if __name__ == "__main__":
    main()
