"""What every story may use: the built program, the shared test data, a free port."""
import os
import pathlib
import socket

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

if not hasattr(numpy, "asfarray"):  # motmetrics 1.4 still calls it
    numpy.asfarray = lambda a, dtype=float: numpy.asarray(a, dtype=dtype)


@pytest.fixture(scope="session")
def omma():
    """Path of the program under test."""
    return os.environ.get("OMMA_BINARY", str(ROOT / "build" / "omma"))


@pytest.fixture(scope="session")
def shared():
    """The folder of shared test data; the story is skipped where there is none."""
    folder = pathlib.Path(os.environ.get("OMMA_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no ../shared")
    return folder


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
