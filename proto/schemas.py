#!/usr/bin/env python3
"""Writes proto/events/*.json: the JSON Schema of the `data` of each event type and of the envelope.

usage: schemas.py [--check]     (--check: only say which files are not current)
The types share most of their fields; this is where those stand once. The files are what users,
`omma` and other languages read, so they are kept in the tree, each complete in itself.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def record(about, **properties):
    """A strict object: all of its members are there and no others."""
    return {"description": about, "type": "object", "properties": properties,
            "required": list(properties), "additionalProperties": False}


def text(about, longest, shortest=0):
    return {"description": about, "type": "string", "minLength": shortest, "maxLength": longest}


def number(about, **limits):
    return {"description": about, "type": "number", **limits}


def count(about, least=0):
    return {"description": about, "type": "integer", "minimum": least}


def numbers(about, *names):
    return {"description": about, "type": "array",
            "prefixItems": [{"title": name, "type": "number"} for name in names],
            "minItems": len(names), "maxItems": len(names)}


SHARE = {"type": "number", "minimum": 0, "maximum": 1}
TIME = {"description": "when it happened in the scene, RFC 3339 in UTC", "type": "string",
        "format": "date-time"}
SOURCE = {"description": "the camera: /cameras/ID", "type": "string", "minLength": 10,
          "maxLength": 73, "format": "uri-reference"}
LABEL = text("name of the class", 63)
SCORE = {"description": "confidence of the model in the last detection", **SHARE}
BOX = {"description": "pixels of the upright picture; null when there is none",
       "anyOf": [{"type": "null"},
                 numbers("top left corner, width, height", "x", "y", "w", "h")]}
FRAME = {"description": "width and height of the upright picture that `box` is in", "type": "array",
         "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}

COMMON = {
    "timestamp": TIME,
    "source": SOURCE,
    "request_id": text("of the picture that caused it; the logs carry it too", 36),
    "topk": {"description": "the labels it was seen as, best first", "type": "array", "maxItems": 5,
             "items": record("a label and its mean score over all looks at the object", label=LABEL, score=SHARE)},
    "latency": record("milliseconds on the way of the picture, by stage; 0 where there was none",
                      decode_ms=number("packet in to picture out", minimum=0),
                      queue_ms=number("waiting for the model", minimum=0),
                      infer_ms=number("in the model, with what stands around it", minimum=0),
                      total_ms=number("packet in to event out", minimum=0)),
    "model": {"description": "null where no model took part",
              "anyOf": [{"type": "null"}, record("what detected it",
                                                 name=text("name in the registry", 64, 1),
                                                 version=text("version of it", 64))]},
}
MEDIA = {
    "pts_us": {"description": "time of the picture on the camera's media clock, in microseconds",
               "type": "integer"},
    "epoch": count("counts up whenever that clock starts anew"),
}
TRACK = record("the object that is followed",
               id=count("counts from 1 per camera, never used again"), label=LABEL, score=SCORE,
               box=BOX, frame=FRAME,
               velocity=numbers("of the centre of the box, pixels a second", "x", "y"),
               age_s=number("seconds since it was first seen", minimum=0))
OBJECT = record("what was detected in one picture", label=LABEL, score=SCORE, box=BOX, frame=FRAME)
ZONE = record("the zone", name=text("as in the configuration", 64, 1),
              dwell_s=number("seconds it was inside; 0 when it just entered", minimum=0))
LINE = record("the line", name=text("as in the configuration", 64, 1),
              direction={"description": "looking from the line's first point to its second",
                         "enum": ["left_to_right", "right_to_left"]})
MOTION = record("what moves, without a model", box=BOX, frame=FRAME,
                duration_s=number("seconds since it began", minimum=0))
CAMERA = record("state of the connection",
                state=text("the state it is in now", 15, 1),
                before=text("the state it was in", 15),
                reason=text("one sentence; empty when there is nothing to say", 159))

TYPES = {
    "track.started": ("an object was seen often enough to be told", {"track": TRACK}),
    "track.updated": ("it is still there; at most one a second", {"track": TRACK}),
    "track.ended": ("it was not seen for too long, or the stream broke off", {"track": TRACK}),
    "zone.entered": ("the foot point of an object came into a zone and stayed",
                     {"track": TRACK, "zone": ZONE}),
    "zone.left": ("it left the zone, or ended inside it", {"track": TRACK, "zone": ZONE}),
    "line.crossed": ("the foot point of an object went from one side of a line to the other",
                     {"track": TRACK, "line": LINE}),
    "motion.started": ("something moves (a camera without a model)", {"motion": MOTION}),
    "motion.ended": ("nothing moves any more", {"motion": MOTION}),
    "camera.state": ("a camera changed its state", {"camera": CAMERA}),
    "detection": ("an object was detected in one picture", {"object": OBJECT}),
}


def data_schema(brief):
    about, parts = TYPES[brief]
    media = {} if brief == "camera.state" else MEDIA
    return {"$schema": DRAFT, "$id": f"/schemas/io.omma.{brief}.v1.json",
            "title": f"data of io.omma.{brief}.v1", **record(about, **COMMON, **media, **parts)}


def envelope_schema():
    fields = {
        "specversion": {"const": "1.0"},
        "id": {"description": "UUID version 7; `source` and `id` together are unique",
               "type": "string", "format": "uuid"},
        "source": SOURCE,
        "type": {"enum": [f"io.omma.{brief}.v1" for brief in TYPES]},
        "subject": text("what it is about: track/17, line/in, zone/door, motion, state, frame", 70, 1),
        "time": TIME,
        "sequence": {"description": "number in the journal, over all cameras, without gaps; padded "
                                    "so that it sorts as text", "type": "string",
                     "minLength": 20, "maxLength": 20},
        "partitionkey": text("the camera's id: keeps a camera's events in order", 64, 1),
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"description": "where the schema of `data` is served", "type": "string",
                       "format": "uri-reference"},
        "data": {"description": "as in the schema of the type", "type": "object"},
    }
    schema = record("a CloudEvents 1.0 event of Omma", **fields)
    schema["required"].remove("sequence")  # the journal gives it
    return {"$schema": DRAFT, "$id": "/schemas/envelope.json", "title": "event", **schema}


def main():
    files = {f"io.omma.{brief}.v1.json": data_schema(brief) for brief in TYPES}
    files["envelope.json"] = envelope_schema()
    stale = 0
    for name, schema in files.items():
        path = HERE / "events" / name
        content = json.dumps(schema, indent=2) + "\n"
        if path.exists() and path.read_text() == content:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{name} is not current: run proto/schemas.py")
        else:
            path.write_text(content)
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
