"""Events against their schemas, with the project's own validator and with one we did not write."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import jsonschema
import pytest
from grpc_tools import protoc
from rfc3339_validator import validate_rfc3339

from server import Omma

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = {p.stem: json.loads(p.read_text()) for p in (ROOT / "proto" / "events").glob("*.json")}
ODD = [None, True, -1, 0, 1.5, 1e300, "", "x", "x" * 200, [], [1], {}, {"a": 1}]


@pytest.fixture(scope="session")
def event_test(omma):
    """The unit test's program, which prints samples and checks lines."""
    program = pathlib.Path(omma).parent / "event_event_test"
    if not program.is_file():
        pytest.skip("the unit tests are not built")
    return program


@pytest.fixture(scope="session")
def samples(event_test):
    done = subprocess.run([event_test, "samples"], capture_output=True, text=True, check=True,
                          timeout=10)
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_valid(event):
    """By python-jsonschema: the envelope, then the data by the schema of the type."""
    checker = jsonschema.FormatChecker()
    checker.checks("date-time")(lambda v: not isinstance(v, str) or validate_rfc3339(v))
    for schema, value in ((SCHEMAS["envelope"], event), (SCHEMAS.get(str(event.get("type"))), None)):
        if schema is None:
            return False
        validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
        if not validator.is_valid(event["data"] if value is None else value):
            return False
    return True


def mutate(value, rand):
    """A copy in which one thing somewhere is changed, taken away or added."""
    if isinstance(value, dict) and value and rand.random() < 0.8:
        key = rand.choice(list(value))
        if rand.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if rand.random() < 0.1:
            return {**value, "extra": rand.choice(ODD)}
        return {**value, key: mutate(value[key], rand)}
    if isinstance(value, list) and value and rand.random() < 0.8:
        at = rand.randrange(len(value))
        if rand.random() < 0.15:
            return value[:at] + value[at + 1:]
        if rand.random() < 0.15:
            return value + [value[at]]
        return value[:at] + [mutate(value[at], rand)] + value[at + 1:]
    return rand.choice(ODD)


def test_schema_files_are_current():
    done = subprocess.run([sys.executable, ROOT / "proto" / "schemas.py", "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_schemas_are_schemas():
    assert len(SCHEMAS) == 11
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_protobuf_compiles(tmp_path):
    assert protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{protoc_include()}",
                        f"--python_out={tmp_path}", "omma/v1/event.proto"]) == 0


def protoc_include():
    import grpc_tools
    return os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")


def test_samples_are_valid_elsewhere(samples):
    assert {e["type"] for e in samples} == set(SCHEMAS) - {"envelope"}
    for event in samples:
        assert is_valid(event), event


def test_samples_have_what_all_may_rely_on(samples):
    for event in samples:
        assert {"timestamp", "source", "topk", "latency", "model", "request_id"} <= set(event["data"])


def test_both_validators_agree(event_test, samples):
    """On thousands of slightly broken events."""
    rand = random.Random(7)
    events = [mutate(rand.choice(samples), rand) for _ in range(4000)]
    events = [e if rand.random() < 0.7 or not isinstance(e, dict) else mutate(e, rand) for e in events]
    events = samples + [e for e in events if isinstance(e, dict)]
    done = subprocess.run([event_test, "check"], capture_output=True, text=True, timeout=60,
                          input="".join(json.dumps(e) + "\n" for e in events))
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == len(events)
    accepted = 0
    for event, verdict in zip(events, verdicts):
        assert (verdict == "ok") == is_valid(event), (verdict, event)
        accepted += verdict == "ok"
    assert 50 < accepted < len(events) - 1000


def test_page_is_current(event_test):
    """docs/events.md is what proto/docs.py makes now."""
    lines = subprocess.run([event_test, "samples"], capture_output=True, check=True).stdout
    page = subprocess.run([sys.executable, ROOT / "proto" / "docs.py"], input=lines,
                          capture_output=True, check=True).stdout
    assert page == (ROOT / "docs" / "events.md").read_bytes(), "see proto/docs.py for how to make it"


# ---- with a running server -----------------------------------------------------------------------


def events_of(omma, home, *args):
    done = subprocess.run([omma, "events", *args, "--home", home], capture_output=True, text=True,
                          timeout=10)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_events_survive_kill_and_are_valid(omma, tmp_path):
    """What was told over HTTP is in the journal after kill -9; numbers go on without a gap."""
    home = tmp_path / "home"
    told = 0
    for _ in range(2):
        with Omma(omma, home, ["test:"]) as server:
            def some_more():
                """a few more events"""
                found = server.json(f"/api/v1/events?after={told}&limit=1000")["events"]
                return found if len(found) >= 5 else None
            server.wait_for(some_more, 15)
            found = some_more()
            schema = server.json(found[0]["dataschema"])
            jsonschema.Draft202012Validator(schema).validate(found[0]["data"])
            told = int(found[-1]["sequence"])
            server.stop(signal.SIGKILL)
        kept = [json.loads(line) for line in events_of(omma, home, "replay")]
        assert [int(e["sequence"]) for e in kept] == list(range(1, len(kept) + 1))
        assert len(kept) >= told
        assert all(is_valid(e) for e in kept)
        assert {"timestamp", "source", "topk", "latency", "model", "request_id"} <= set(kept[-1]["data"])


def test_tail_and_replay(omma, tmp_path):
    """Filters, ranges and the human form, beside the running server."""
    home = tmp_path / "home"
    with Omma(omma, home, ["test:"]) as server:
        server.wait_for(lambda: len(server.json("/api/v1/events?type=track&limit=9")["events"]) >= 3, 15)
        tracks = [json.loads(line) for line in events_of(omma, home, "tail", "--json", "--type", "track",
                                                         "-n", "3")]
        assert len(tracks) == 3 and all(".track." in e["type"] for e in tracks)
        first = int(tracks[0]["sequence"])
        again = events_of(omma, home, "replay", "--from", str(first), "--to", str(first))
        assert [json.loads(line) for line in again] == tracks[:1]
        until = events_of(omma, home, "replay", "--to", tracks[1]["time"])
        assert all(json.loads(line)["time"] < tracks[1]["time"] for line in until)
        states = events_of(omma, home, "tail", "--type", "camera.state", "-n", "1000")
        assert states and all("camera.state" in line and "->" in line for line in states)
        assert events_of(omma, home, "tail", "--camera", "nobody") == []


def test_follow(omma, tmp_path):
    """--follow shows what comes later, and ends well on Ctrl-C."""
    home = tmp_path / "home"
    with Omma(omma, home, ["test:"]):
        process = subprocess.Popen([omma, "events", "tail", "-f", "-n", "0", "--json", "--home", home],
                                   stdout=subprocess.PIPE, text=True)
        seqs = [int(json.loads(process.stdout.readline())["sequence"]) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        process.stdout.close()
        assert seqs == list(range(seqs[0], seqs[0] + 4))
