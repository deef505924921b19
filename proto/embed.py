#!/usr/bin/env python3
"""Turns the schemas into one C file, so that the program carries them.

usage: embed.py OUTPUT SCHEMA...
"""
import json
import pathlib
import sys


def c_text(text):
    """A C string literal, one line of the text a line."""
    lines = text.splitlines(keepends=True)
    return "\n".join("     " + json.dumps(line) for line in lines)


def main():
    output, *paths = sys.argv[1:]
    rows = []
    for path in sorted(map(pathlib.Path, paths)):
        text = path.read_text()
        json.loads(text)  # a broken one must not get into the program
        if not text.isascii():
            sys.exit(f"{path}: only ASCII, please")
        rows.append(f'    {{"{path.stem}",\n{c_text(text)}}},\n')
    pathlib.Path(output).write_text(
        "// Made by proto/embed.py from proto/events/.\n"
        '#include "event/schemas_int.h"\n\n'
        "const struct om_event_schema_text om_event_schema_texts[] = {\n"
        + "".join(rows) + "    {0},\n};\n")


if __name__ == "__main__":
    main()
