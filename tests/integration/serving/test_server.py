"""The serving program as a process: predictions, health, hostile input, stopping."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from serving_client import ROOT, Server, free_port
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lab.runtime.serving.metrics import BRIEF

Models = dict[str, tuple[Any, Any, Path]]
SECRET = "s3cret-4711"


@pytest.mark.parametrize("name", ["linear", "forest", "ridge"])
def test_answers_are_the_model_s_own(models: Models, name: str) -> None:
    model, inputs, folder = models[name]
    sha = json.loads((folder / "signature.json").read_text())["sha256"]
    with Server(folder, LAB_MODEL_SHA256=sha, LAB_EXACT="1") as server:
        server.wait_for()
        status, answer = server.post({"data": inputs.tolist()})
        assert status == 200
        assert np.allclose(answer["predictions"], model.predict(inputs), rtol=1e-12)
        if name == "ridge":
            assert "probabilities" not in answer
        else:
            assert np.allclose(answer["probabilities"], model.predict_proba(inputs), rtol=1e-12)
        assert (answer["model"], answer["model_version"]) == ("iris", "v1")
        row = dict(zip([f"x{i}" for i in range(inputs.shape[1])], inputs[3].tolist(), strict=True))
        status, named = server.post({"rows": [row], "id": "mine"})
        assert (status, named["id"]) == (200, "mine")
        assert named["predictions"] == [answer["predictions"][3]]
        code, _ = server.stop()
        assert code == 0


def test_live_at_once_and_ready_when_the_model_has_proved_itself(models: Models) -> None:
    with Server(models["forest"][2]) as server:
        server.wait_for("/livez")
        status, answer = server.get("/readyz")
        assert (status, answer) == (503, {"ready": False, "reason": "loading the model"})
        status, answer = server.post({"data": [[1, 2, 3, 4]]})
        assert (status, answer["error"]["code"]) == (503, "not_ready")
        server.wait_for()
        assert server.get("/")[1]["task"] == "classification"


def test_about_and_metrics(server: Server) -> None:
    status, about = server.get("/")
    assert status == 200
    assert about["inputs"][0] == {"name": "x0", "dtype": "float64"}
    assert about["classes"] == [0, 1, 2]
    before = _samples(server)
    for _ in range(3):
        server.post({"data": [[1, 2, 3, 4]] * 5})
    server.post({"data": [[1]]})
    server.get(f"/{SECRET}")
    after = _samples(server)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown('lab_requests_total{route="/predict",code="200"}') == 3
    assert grown('lab_requests_total{route="/predict",code="422"}') == 1
    assert grown('lab_requests_total{route="other",code="404"}') == 1
    assert grown("lab_request_seconds_count") == 4
    assert grown("lab_rows_total") == 15
    assert after["lab_requests_in_flight"] == 1
    assert after["process_resident_memory_bytes"] > 1e7
    assert not any(SECRET in name for name in after)


def test_whoever_wants_no_more_is_told_the_servers_own_counters_alone(server: Server) -> None:
    whole, own = ({name.partition("{")[0] for name in _samples(server, **headers)} for headers in ({}, {BRIEF: "1"}))
    assert own < whole
    assert {"lab_ready", "lab_requests_total", "lab_request_seconds_bucket", "process_cpu_seconds_total"} <= own
    assert "lab_output_score_count" in whole - own


def _samples(server: Server, **headers: str) -> dict[str, float]:
    status, page = server.get("/metrics", **headers)
    assert status == 200
    lines = [line.rsplit(" ", 1) for line in page.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "json"),
        (b"{", 400, "json"),
        (b"\xff\xfe", 400, "json"),
        (b'{"data": [[NaN,1,1,1]]}', 400, "json"),
        (b'{"data": [[1e999,1,1,1]]}', 400, "json"),
        (b"[" * 100_000, 422, "depth"),
        (b'{"data": ' + b"[" * 500 + b"]" * 500 + b"}", 422, "shape"),
        (b'{"rows": [{"x0": 1}]}', 400, "missing_columns"),
        (json.dumps({"rows": [{"x0": 1, "x1": 1, "x2": 1, "x3": SECRET}]}).encode(), 400, "type"),
        (json.dumps({"data": [[1, 2, 3, SECRET]]}).encode(), 400, "type"),
        (json.dumps({"data": [[1, 2, 3, None]]}).encode(), 400, "null"),
        (json.dumps({"data": [[1, 2, 3]]}).encode(), 422, "shape"),
        (json.dumps({"data": [[1, 2, 3, 4]] * 10_001}).encode(), 413, "too_many_rows"),
        (json.dumps(SECRET).encode(), 422, "shape"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_hostile_bodies_are_refused_without_an_echo(server: Server, body: bytes, status: int, code: str) -> None:
    found, answer = server.post(body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert SECRET not in json.dumps(answer)
    assert server.post({"data": [[1, 2, 3, 4]]})[0] == 200


def test_values_that_only_the_model_refuses_are_not_echoed_either(models: Models) -> None:
    with Server(models["forest"][2]) as server:
        server.wait_for()
        status, answer = server.post({"data": [[1, 2, 3, 1.2345678e300]]})
        assert (status, answer["error"]["code"]) == (422, "refused")
        assert "2345678" not in json.dumps(answer)
        _, output = server.stop()
        assert "2345678" not in output


def test_answers_have_the_same_headers_either_way(server: Server) -> None:
    connection = server.connect()
    for path in ("/predict", "/predict?"):
        connection.request("POST", path, json.dumps({"data": [[5.1, 3.5, 1.4, 0.2]]}))
        answer = connection.getresponse()
        answer.read()
        assert [name.lower() for name in answer.headers] == ["date", "content-length", "content-type"], path
    connection.close()


def test_paths_and_methods(server: Server) -> None:
    assert server.get("/predict")[0] == 405
    assert server.post({}, "/livez")[0] == 405
    assert server.get("/nothing")[0] == 404
    assert server.get("/../../etc/passwd")[0] == 404
    assert server.ask("HEAD", "/livez") == (200, b"")


def test_strange_hosts_and_foreign_pages_are_refused(server: Server) -> None:
    assert server.get("/livez", Host="localhost:1234")[0] == 200
    assert server.get("/livez", Host="[::1]:80")[0] == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::2]", "127.0.0.1@evil"):
        assert server.get("/livez", Host=host)[0] == 421, host
    assert server.post({"data": [[1, 2, 3, 4]]}, Origin="http://evil.example")[0] == 403
    assert server.post({"data": [[1, 2, 3, 4]]}, Origin="null")[0] == 403
    assert server.post({"data": [[1, 2, 3, 4]]}, Origin=f"http://localhost:{server.port}")[0] == 200


def _raw(server: Server, data: bytes, seconds: float = 30) -> bytes:
    """Send bytes as they are; everything that comes back until the server closes or answers whole."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as wire:
        try:
            wire.sendall(data)
            answer = b""
            while chunk := wire.recv(65536):
                answer += chunk
                head, _, body = answer.partition(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if lengths and len(body) >= int(lengths[0].split(b":")[1]):
                    break
        except ConnectionError:
            return answer
        return answer


def test_bodies_without_length_or_too_large_get_an_answer_not_a_reset(server: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert b" 411 " in _raw(server, head + b"\r\n").split(b"\r\n")[0]
    for size in (4 * 1024 * 1024 + 1, 20 * 1024 * 1024):
        status, answer = server.post(b" " * size)
        assert (status, answer["error"]["code"]) == (413, "too_large")
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 6 + b"0\r\n\r\n"
    assert b" 413 " in _raw(server, chunked).split(b"\r\n")[0]
    small = b'{"data":[[1,2,3,4]]}'
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(small), small)
    assert b" 200 " in _raw(server, chunked).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nBad\x00Header: 1\r\n\r\n",
    ],
)
def test_bytes_that_are_not_http_or_too_much_of_it_get_a_400(server: Server, data: bytes) -> None:
    answer = _raw(server, data)
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0], answer[:100]
    assert server.get("/livez")[0] == 200


def test_a_body_that_never_comes_is_given_up(models: Models) -> None:
    with Server(models["ridge"][2], LAB_BODY_TIMEOUT="1") as server:
        server.wait_for()
        answer = _raw(server, b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert b" 408 " in answer.split(b"\r\n")[0]
        wire = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        wire.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        wire.close()
        deadline = time.monotonic() + 20
        while 'lab_requests_total{route="/predict",code="499"}' not in _samples(server):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert _samples(server)["lab_requests_in_flight"] == 1


def test_the_token_guards_predictions_and_metrics_and_not_health(models: Models, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    with Server(models["ridge"][2], LAB_TOKEN_FILE=str(token)) as server:
        server.wait_for()
        body = {"data": [[0.0] * 10]}
        for value in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic t0ken"}, {"Authorization": ""}):
            assert server.post(body, **value)[0] == 401
            assert server.get("/metrics", **value)[0] == 401
        assert server.post(body, Authorization="Bearer t0ken")[0] == 200
        assert server.post(body, Authorization="bearer t0ken")[0] == 200
        assert server.get("/metrics", Authorization="Bearer t0ken")[0] == 200
    token.write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "lab.runtime.serving"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LAB_TOKEN_FILE": str(token), "LAB_PORT": str(free_port())},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert b"LAB_TOKEN_FILE" in done.stderr


def _copy(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))


def test_a_model_file_of_another_hash_is_never_opened(models: Models, tmp_path: Path) -> None:
    with Server(models["linear"][2], LAB_MODEL_SHA256="0" * 64) as server:
        assert "sha256" in server.wait_for_refusal()
        assert server.get("/livez")[0] == 200
        assert server.post({"data": [[1, 2, 3, 4]]})[0] == 503
        assert _samples(server)["lab_ready"] == 0
        assert server.stop()[0] == 0
    changed = _copy(models["linear"][2], tmp_path / "changed")
    with open(changed / "model.skops", "ab") as file:
        file.write(b"x")
    with Server(changed) as server:
        assert "sha256" in server.wait_for_refusal()


def test_a_model_that_would_run_code_is_refused_and_does_not(models: Models, tmp_path: Path) -> None:
    folder = _copy(models["linear"][2], tmp_path / "evil")
    mark = tmp_path / "executed"
    evil = make_pipeline(FunctionTransformer(os.system), Ridge())
    evil.steps[0][1].kw_args = {"command": f"touch {mark}"}
    data = skops.io.dumps(evil)
    (folder / "model.skops").write_bytes(data)
    signature = json.loads((folder / "signature.json").read_text())
    signature["sha256"] = hashlib.sha256(data).hexdigest()
    signature["trusted"] = ["posix.system"]
    (folder / "signature.json").write_text(json.dumps(signature))
    with Server(folder) as server:
        assert "system" in server.wait_for_refusal()
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("signature.json", None, "no signature.json"),
        ("signature.json", b"{", "signature.json"),
        ("signature.json", b'{"framework": "torch", "inputs": [], "file": "x"}', "torch"),
        ("signature.json", b'{"framework": "sklearn", "inputs": [], "file": "../model.skops"}', "names no file"),
        ("model.skops", None, "cannot be read"),
        ("golden.jsonl", b"{", "golden.jsonl"),
        ("golden.jsonl", b'{"data": [1, 2, 3, 4], "prediction": 99}', "golden"),
        ("golden.jsonl", b'{"data": ["a", 2, 3, 4], "prediction": 0}', "golden"),
    ],
)
def test_a_damaged_model_folder_says_what_is_wrong(
    models: Models, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    folder = _copy(models["linear"][2], tmp_path / "damaged")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with Server(folder) as server:
        assert said in server.wait_for_refusal()


def test_many_clients_at_once_each_get_their_own_answer(models: Models) -> None:
    model, inputs, folder = models["linear"]
    expected = model.predict_proba(inputs)
    with Server(folder, LAB_EXACT="1") as server:
        server.wait_for()

        def client(number: int) -> None:
            connection = server.connect()
            for turn in range(30):
                index = (number * 31 + turn * 7) % len(inputs)
                connection.request("POST", "/predict", json.dumps({"data": [inputs[index].tolist()], "id": str(index)}))
                response = connection.getresponse()
                answer = json.loads(response.read())
                assert response.status == 200
                assert answer["id"] == str(index)
                assert np.allclose(answer["probabilities"], expected[index : index + 1])
            connection.close()

        with ThreadPoolExecutor(16) as clients:
            for done in [clients.submit(client, number) for number in range(16)]:
                done.result(timeout=120)
        samples = _samples(server)
        assert samples["lab_request_seconds_count"] == 480
        assert samples["lab_rows_total"] == 480
        assert samples["lab_batch_rows_sum"] == 480
        assert samples["lab_batch_rows_count"] < 480, "clients that wait together are predicted together"


def _half(server: Server, body: bytes) -> socket.socket:
    """A connection that has sent all of a request but the last byte of its body."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:-1])
    return connection


def test_sigterm_finishes_what_is_under_way_and_exits_0(models: Models) -> None:
    body = json.dumps({"data": [[1.0, 2.0, 3.0, 4.0]] * 100}).encode()
    with Server(models["forest"][2], LAB_GRACE="3600", LAB_BODY_TIMEOUT="3600") as server:
        server.wait_for()
        pending = [_half(server, body) for _ in range(3)]
        deadline = time.monotonic() + 60
        while _samples(server)["lab_requests_in_flight"] < 4:  # and the one that asks
            assert time.monotonic() < deadline
        server.process.terminate()
        assert "draining" in server.wait_for(status=503)["reason"]
        refused, answer = server.post(body)
        assert (refused, answer["error"]["code"]) == (503, "not_ready")
        for connection in pending:
            connection.sendall(body[-1:])
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 200
            assert len(json.loads(response.read())["predictions"]) == 100
            connection.close()
        server.process.communicate(timeout=60)
        assert server.process.returncode == 0


def test_stopping_does_not_wait_for_clients_that_ask_nothing(models: Models) -> None:
    with Server(models["ridge"][2], LAB_GRACE="3600") as other:
        other.wait_for()
        kept: http.client.HTTPConnection = other.connect()
        kept.request("GET", "/livez")
        kept.getresponse().read()
        code, output = other.stop(seconds=60)
        assert code == 0
        assert output.startswith("ready: iris v1")


def test_stopping_while_the_model_loads(models: Models) -> None:
    with Server(models["forest"][2]) as server:
        server.wait_for("/livez")
        assert server.stop()[0] == 0


def test_the_log_is_in_the_run_folder(models: Models, tmp_path: Path) -> None:
    with Server(models["ridge"][2], LAB_RUN_DIR=str(tmp_path)) as server:
        server.wait_for()
        assert server.stop() == (0, "")
    assert (tmp_path / "stdout.log").read_text().startswith("ready: iris v1")


def test_a_taken_port_is_an_error_that_says_so(models: Models, server: Server) -> None:
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "LAB_MODEL_DIR": str(models["ridge"][2]),
        "LAB_HOST": "127.0.0.1",
        "LAB_PORT": str(server.port),
    }
    argv = [sys.executable, "-m", "lab.runtime.serving"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "address already in use" in done.stderr


def test_nothing_of_lab_but_the_runtime_is_needed(models: Models, tmp_path: Path) -> None:
    """A container mounts `lab/__init__.py` and `lab/runtime` alone."""
    (tmp_path / "lab").mkdir()
    shutil.copy(ROOT / "lab" / "__init__.py", tmp_path / "lab")
    shutil.copytree(ROOT / "lab" / "runtime", tmp_path / "lab" / "runtime")
    with Server(models["linear"][2], PYTHONPATH=str(tmp_path)) as server:
        server.wait_for()
        assert server.post({"data": [[1, 2, 3, 4]]})[0] == 200
