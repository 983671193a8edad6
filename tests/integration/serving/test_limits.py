"""Policies, hosts, tokens, slow and hasty clients, and stopping under load."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_client import Server

from lab.runtime import file_model

Models = dict[str, tuple[Any, Any, Path]]
INSIDE = [5.1, 3.5, 1.4, 0.2]
OUTSIDE = [500.0, 3.5, 1.4, 0.2]


def test_what_is_unlike_training_is_rejected_told_or_only_counted(models: Models) -> None:
    folder = models["linear"][2]
    with Server(folder, LAB_ON_OUTSIDE="reject") as server:
        server.wait_for()
        status, answer = server.post({"data": [INSIDE, OUTSIDE]})
        assert (status, answer["error"]["code"], answer["error"]["columns"]) == (422, "outside_range", ["x0"])
        assert server.post({"data": [INSIDE, OUTSIDE]}, "/predict?") == (status, answer)
        assert "500" not in json.dumps(answer)
        assert server.post({"data": [INSIDE]})[0] == 200
    with Server(folder, LAB_ON_OUTSIDE="warn", LAB_ON_MISSING="count") as server:
        server.wait_for()
        answer = server.post({"data": [OUTSIDE]})[1]
        assert [(found["code"], found["columns"]) for found in answer["warnings"]] == [("outside_range", ["x0"])]
        assert "warnings" not in server.post({"data": [INSIDE]})[1]
        tensor = {"name": "input", "datatype": "FP64", "shape": [1, 4], "data": OUTSIDE}
        told = server.post({"inputs": [tensor]}, "/v2/models/iris/infer")[1]["parameters"]["warnings"]
        assert told[0]["columns"] == ["x0"]
        assert server.post({"inputs": [OUTSIDE]}, "/invocations")[1]["warnings"] == answer["warnings"]
        # A model that was not trained with gaps refuses them itself.
        status, answer = server.post({"data": [[None, 1, 1, 1]]})
        assert (status, answer["error"]["code"]) == (422, "refused")


def test_only_names_on_the_list_are_answered(models: Models) -> None:
    with Server(models["ridge"][2], LAB_ALLOWED_HOSTS="models.lan, 127.0.0.1") as server:
        server.wait_for()
        assert server.get("/livez", Host="MODELS.lan:8080")[0] == 200
        for host in ("localhost", "evil.example", "models.lan.evil.example", "", "[::1]"):
            assert server.get("/livez", Host=host)[0] == server.post({}, Host=host)[0] == 421, host
        assert server.get("/livez", Origin="http://models.lan")[0] == 200
        assert server.get("/livez", Origin="http://evil.example")[0] == 403
        assert server.get("/livez", Origin="null")[0] == server.post({}, Origin="null")[0] == 403


def test_tokens_are_changed_without_a_restart(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    with Server(models["ridge"][2], LAB_TOKEN_FILE=str(path)) as server:
        server.wait_for()

        def status(token: str, where: str = "/metrics") -> int:
            return server.get(where, Authorization=f"Bearer {token}")[0]

        def until(token: str, wanted: int) -> None:
            deadline = time.monotonic() + 30
            while status(token) != wanted:
                assert time.monotonic() < deadline
                time.sleep(0.05)

        assert (status("first"), status("second")) == (200, 401)
        path.write_text("first\nsecond\n")
        until("second", 200)
        assert status("first") == 200
        path.write_text("second\n")
        until("first", 401)
        assert status("second") == 200
        for page in ("/", "/docs", "/openapi.json", "/v2", "/v2/models/iris"):
            assert (server.get(page)[0], status("second", page)) == (401, 200)
        for page in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/ping", "/health"):
            assert server.get(page)[0] == 200
        for page in ("/predict", "/invocations", "/feedback", "/v2/models/iris/infer"):
            assert server.post({}, page)[0] == server.post({}, f"{page}?")[0] == 401
        for value in ("Bearer", "Bearer ", "second", "Basic second", "Bearer second second", "Bearer séc"):
            connection = server.connect()
            connection.request("GET", "/metrics", headers={"Authorization": value.encode("latin-1")})
            assert connection.getresponse().status == 401
            connection.close()


def test_requests_in_one_packet_are_answered_in_their_order(server: Server) -> None:
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    packet = b""
    for number in range(10):
        body = json.dumps({"data": [INSIDE], "id": str(number)}).encode()
        packet += b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    wire.sendall(packet + b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answers = b""
    while chunk := wire.recv(65536):
        answers += chunk
    wire.close()
    assert re.findall(rb'"id":"(\d+)"', answers) == [b"%d" % number for number in range(10)]
    assert answers.count(b"HTTP/1.1 200") == 11


@pytest.mark.parametrize(
    "data", [b"", b"GET /livez HTTP/1.1\r\nHost: loc", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET"]
)
def test_a_head_that_does_not_come_is_given_up(models: Models, data: bytes) -> None:
    with Server(models["ridge"][2], LAB_HEAD_TIMEOUT="1") as server:
        server.wait_for()
        wire = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        wire.sendall(data)
        answer = b""
        while chunk := wire.recv(65536):  # until the server closes
            answer += chunk
        assert answer.count(b"HTTP/1.1 200") == data.count(b"\r\n\r\n")
        assert server.get("/livez")[0] == 200


def test_a_body_sent_byte_by_byte_is_answered(server: Server) -> None:
    body = json.dumps({"data": [INSIDE]}).encode()
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
    for byte in body:
        wire.sendall(bytes([byte]))
    response = http.client.HTTPResponse(wire)
    response.begin()
    assert response.status == 200
    wire.close()


def test_compressed_bodies_are_refused_by_name(server: Server) -> None:
    status, answer = server.post(b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert (status, answer["error"]["code"]) == (415, "encoding")


class Client(threading.Thread):
    """Asks on one connection after the other until the server is gone; counts what became of its requests."""

    def __init__(self, server: Server, rows: list[list[float]]) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self._server = server
        self._body = json.dumps({"data": rows})
        self._rows = len(rows)

    def run(self) -> None:
        while True:
            connection = self._server.connect(timeout=60)
            try:
                connection.connect()
                begun = self._ask(connection)
            except OSError:
                return  # nobody took the connection
            finally:
                connection.close()
            if not begun:
                return

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        """Until the server ends the connection; False once it has gone before it read anything."""
        while True:
            try:
                connection.request("POST", "/predict", self._body)
                response = connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.seen["not accepted"] += 1
                return False
            body = response.read()  # raises IncompleteRead for an answer that was cut short
            if response.status == 200:
                assert len(json.loads(body)["predictions"]) == self._rows
            self.seen[str(response.status)] += 1
            if response.headers.get("Connection") == "close":
                return True


def test_a_stop_under_load_answers_every_request_that_it_took(models: Models, tmp_path: Path) -> None:
    with Server(models["forest"][2], LAB_EXACT="1", LAB_RUN_DIR=str(tmp_path), LAB_CAPTURE_RATE="1") as server:
        server.wait_for()
        clients = [Client(server, [INSIDE] * 5) for _ in range(12)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 60
        while sum(client.seen["200"] for client in clients) < 300:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.process.terminate()
        assert server.process.wait(timeout=60) == 0
        for client in clients:
            client.join(timeout=60)
            assert not client.is_alive()
    seen = sum((client.seen for client in clients), Counter())
    assert set(seen) <= {"200", "503", "not accepted"}
    assert seen["not accepted"] <= len(clients)
    kept = [line for path in (tmp_path / "capture").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(kept) == seen["200"], "every answer that was given reached its client, and none else was"


def test_exact_answers_and_fast_ones(models: Models, tmp_path: Path) -> None:
    model, inputs, folder = models["forest"]
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    signature = json.loads((bare / "signature.json").read_text())
    (bare / "signature.json").write_text(
        json.dumps({k: v for k, v in signature.items() if k not in ("onnx", "forest")})
    )
    for where, exact, ways in ((folder, "0", {"onnx", "forest"}), (folder, "1", {"forest"}), (bare, "0", {"trees"})):
        with Server(where, LAB_EXACT=exact) as server:
            server.wait_for()
            about = server.get("/v2/models/iris")[1]["parameters"]["compute"]
            assert about["way"] in ways
            assert about["way"] in about["seconds"]
            if exact == "1":
                assert about["passed_over"]["onnx"] == "only exact answers are wanted"
            answer = server.post({"data": inputs.tolist()})[1]
            assert np.allclose(answer["probabilities"], model.predict_proba(inputs), atol=1e-5)
            if about["way"] != "onnx":
                assert answer["probabilities"] == model.predict_proba(inputs).tolist()


ODD = """
import json

def load(folder):
    return None

def predict(model, rows):
    kind = rows[0][0]
    if kind == 0:
        return [complex(1, 2)] * len(rows)
    if kind == 1:
        raise SystemExit
    if kind == 2:
        return [1] * (len(rows) + 1)
    return [float("nan")] * len(rows)
"""


def test_a_model_with_odd_answers_never_leaves_a_client_without_one(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "predict.py").write_text(ODD)
    assert file_model.describe(folder, example=None, framework=None, labels=None, pii={})
    with Server(folder) as server:
        server.wait_for()
        for kind in (0, 2):
            status, answer = server.post({"data": [[kind]]})
            assert (status, answer["error"]["code"]) == (500, "failed"), kind
        assert server.post({"data": [[3]]})[1]["predictions"] == [None]
        tensor = {"name": "input", "datatype": "FP64", "shape": [1, 1], "data": [2]}
        assert isinstance(server.post({"inputs": [tensor]}, "/v2/models/iris/infer")[1]["error"], str)
        assert server.post({"inputs": [[2]]}, "/invocations")[1]["error_code"] == "INTERNAL_ERROR"


def test_a_client_that_does_not_read_hurts_nobody_else(models: Models) -> None:
    with Server(models["ridge"][2], LAB_GRACE="1") as server:
        server.wait_for()
        body = json.dumps({"data": [[0.1] * 10] * 10_000}).encode()
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        wires = []
        for _ in range(5):
            wire = socket.socket()
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", server.port))
            wire.sendall(head + body)
            wires.append(wire)
        assert server.post({"data": [[0.0] * 10]})[0] == 200
        assert server.stop(seconds=30)[0] == 0
        for wire in wires:
            wire.close()
