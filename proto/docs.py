#!/usr/bin/env python3
"""Prints docs/events.md from the schemas and from one event of each type.

usage: build/event_event_test samples | proto/docs.py > docs/events.md
"""
import json
import re
import sys

import schemas

INTRO = """# Events

*Made by `proto/docs.py` from the schemas and the program; a test holds it current.*

An event is a [CloudEvents 1.0](https://cloudevents.io) JSON object. It is written to the journal
(`events.db` in the state directory) before anybody hears of it; from then on it survives kill -9 and
the loss of power, and it has a number (`sequence`) without gaps over all cameras.

| where | how |
|---|---|
| terminal | `omma events tail --follow`, `omma events replay --from 4711` |
| HTTP, in pages | `GET /api/v1/events?camera=gate&type=line.crossed&label=car&after=4711&limit=100` |
| HTTP, live | `GET /api/v1/events/stream` (server-sent events; the `id` is the number, so a browser goes on where it stopped) |

Types are asked for by their full name, in short (`track.started`), or by what they begin with
(`track`). Events are kept for 72 hours and at most a million of them.

`data` of each type has a [JSON Schema](../proto/events), served where `dataschema` says; what is not
in it is not in the event. A change that a strict reader would notice gets a new version (`.v2`)
beside the old one. The same as protobuf: [event.proto](../proto/omma/v1/event.proto).

All times are UTC. Boxes are in pixels of the upright picture, whose size is `frame`. `pts_us` and
`epoch` are what the page aligns boxes and video by.
"""


def kind(schema):
    """'string', 'number or null', '[x, y, w, h]': the form of a value for people."""
    if "const" in schema:
        return f'`"{schema["const"]}"`'
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(s) for s in reversed(schema["anyOf"]))
    if "prefixItems" in schema:
        return "[" + ", ".join(item["title"] for item in schema["prefixItems"]) + "]"
    return "time" if schema.get("format") == "date-time" else schema["type"]


def rows(schema, path=""):
    """(path, form, description) of each field, depth first."""
    for name, field in schema["properties"].items():
        here = f"{path}{name}"
        yield here, kind(field), field.get("description", "")
        inner = [field, field.get("items", {}), *field.get("anyOf", [])]
        for part in inner:
            if "properties" in part:
                yield from rows(part, here + ("[]." if part is inner[1] else "."))


def table(fields):
    lines = ["| field | form | |", "|---|---|---|"]
    return "\n".join(lines + [f"| `{p}` | {k} | {about} |" for p, k, about in fields]) + "\n"


def pretty(event):
    """Indented, but short lists and objects on one line."""
    text = json.dumps(event, indent=2, ensure_ascii=False)
    short = re.compile(r"[\[{]\n\s+([^\[\]{}]*?)\n\s*[\]}]")

    def join(match):
        one_line = re.sub(r"\s*\n\s*", " ", match.group(0))
        return one_line if len(one_line) <= 80 else match.group(0)

    return short.sub(join, text)


def main():
    samples = {e["type"]: e for e in map(json.loads, sys.stdin)}
    common = schemas.record("", **schemas.COMMON)
    media = schemas.record("", **schemas.MEDIA)
    out = [INTRO, "## Around the data\n", table(r for r in rows(schemas.envelope_schema())),
           "## In `data` of every type\n", table(rows(common)),
           "In those that come from a picture (all but `camera.state`):\n", table(rows(media))]
    for brief, (about, parts) in schemas.TYPES.items():
        event = samples[f"io.omma.{brief}.v1"]
        own = {k: v for k, v in event["data"].items() if k in parts}
        out += [f"## {brief}\n", f"`{event['type']}`, subject `{event['subject']}`: {about}.\n",
                table(rows(schemas.record("", **parts))), "```json", pretty(own), "```\n"]
    out += ["## A whole event\n", "```json", pretty(samples["io.omma.line.crossed.v1"]), "```"]
    print("\n".join(out))


if __name__ == "__main__":
    main()
