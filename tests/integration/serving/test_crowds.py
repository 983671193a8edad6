"""A thousand connections at once, and bodies that nobody would send on purpose."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving_client import Server

Models = dict[str, tuple[Any, Any, Path]]
_CROWD = 1000
_BODY = json.dumps({"data": [[5.1, 3.5, 1.4, 0.2]]}).encode()
_REQUEST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
#: Pieces of which bodies are put together that are nearly right.
_PIECES = (
    b'{"data": [[', b'{"rows": [{', b'"inputs": ', b'"dataframe_split": {', b'"columns": ["x0"], ', b'"id": "',
    b"1e999", b"-0", b"NaN", b"null", b"5.1, 3.5, 1.4, 0.2", b"]]}", b"}]}", b'\\ud800"', b"\xff\xfe", b"\x00",
    b"[" * 200, b'{"name": "x0", "shape": [1, 4], "datatype": "FP32", "data": ', b'"binary_data_size": 16', b"9" * 400,
)  # fmt: skip
_BODIES = st.binary(max_size=200) | st.lists(st.sampled_from(_PIECES), max_size=12).map(b"".join)
_PATHS = ("/predict", "/invocations", "/v2/models/iris/infer", "/feedback")


@pytest.fixture(scope="module")
def server(models: Models) -> Iterator[Server]:
    with Server(models["linear"][2], LAB_IDLE="2") as running:
        running.wait_for()
        yield running


@pytest.fixture(scope="module", autouse=True)
def descriptors() -> Iterator[None]:
    """Room for both ends of so many connections."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(before[0], min(4096, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _crowd(server: Server) -> Counter[bytes]:
    """The first words of the answers to a crowd whose requests are all there before any answer is read."""
    found: Counter[bytes] = Counter()
    with ExitStack() as open_ones:
        wires = []
        for _ in range(_CROWD):
            wire = open_ones.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            wire.sendall(_REQUEST)
            wires.append(wire)
        for wire in wires:
            found[wire.recv(65536)[:12]] += 1
    return found


def test_a_thousand_connections_are_all_answered_also_by_one_that_slept(server: Server) -> None:
    assert _crowd(server) == {b"HTTP/1.1 200": _CROWD}
    deadline = time.monotonic() + 60
    while server.get("/readyz")[1].get("state") != "asleep":
        assert time.monotonic() < deadline, "it does not fall asleep"
        time.sleep(0.05)
    assert _crowd(server) == {b"HTTP/1.1 200": _CROWD}


@pytest.mark.parametrize("path", _PATHS)
def test_any_bytes_get_an_answer_that_is_no_fault_of_the_server(server: Server, path: str) -> None:
    connection = server.connect()

    @settings(
        max_examples=100,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(body=_BODIES, kind=st.sampled_from(["application/json", "text/csv", "application/octet-stream", "a/\xff"]))
    def ask(body: bytes, kind: str) -> None:
        connection.request("POST", path, body, {"Content-Type": kind.encode("latin-1")})
        answer = connection.getresponse()
        said = answer.read()
        assert 200 <= answer.status < 500, (answer.status, said[:200])
        json.loads(said)

    ask()
    connection.close()
    assert server.post({"data": [[5.1, 3.5, 1.4, 0.2]]})[0] == 200, "it still answers"
