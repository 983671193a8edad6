"""What other tools speak: Triton's own client, MLflow's payloads, curl, Prometheus's parser."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tritonclient.http as triton
from prometheus_client.parser import text_string_to_metric_families
from serving_client import Server, save
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tritonclient.utils import InferenceServerException

from lab.domain.exposition import OWN_ROUTES, parse

Models = dict[str, tuple[Any, Any, Path]]

PEOPLE = [
    {"age": age, "city": city, "member": member}
    for age, city, member in [
        (20.0, "Oslo", True),
        (35.0, "Bergen", False),
        (50.0, "Oslo", False),
        (65.0, "Bodø", True),
    ]
] * 5


class Mixed:
    """A model of a number, a text and a truth value, with a server of it."""

    def __init__(self, folder: Path) -> None:
        frame = pl.DataFrame(PEOPLE)
        columns = make_column_transformer(
            (StandardScaler(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"
        )
        self.model = make_pipeline(columns, LogisticRegression()).fit(frame, ["yes", "no", "no", "yes"] * 5)
        self.expected = self.model.predict(frame).tolist()
        self.folder = save(self.model, folder, frame)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return Mixed(tmp_path_factory.mktemp("mixed") / "model")


@pytest.fixture(scope="module")
def people(mixed: Mixed) -> Iterator[Server]:
    with Server(mixed.folder, LAB_MODEL_NAME="people", LAB_MODEL_VERSION="v3") as running:
        running.wait_for()
        yield running


def _client(server: Server) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(f"127.0.0.1:{server.port}")


def _input(name: str, array: Any, datatype: str, *, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


# --- Open Inference Protocol


def test_a_triton_client_finds_server_and_model(server: Server, people: Server) -> None:
    with _client(server) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("iris")
        assert client.is_model_ready("iris", "v1")
        assert not client.is_model_ready("other")
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        about = client.get_model_metadata("iris", "1")
        assert (about["name"], about["versions"]) == ("iris", ["v1"])
        assert about["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 4]}]
        assert about["outputs"] == [
            {"name": "predictions", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]},
        ]
        assert about["parameters"]["golden_rows"] == 20
        assert about["parameters"]["compute"]["way"] in ("sklearn", "onnx")
        with pytest.raises(InferenceServerException, match="no such path"):
            client.get_model_metadata("other")
    with _client(people) as client:
        inputs = client.get_model_metadata("people")["inputs"]
        assert [(tensor["name"], tensor["datatype"]) for tensor in inputs] == [
            ("age", "FP64"),
            ("city", "BYTES"),
            ("member", "BOOL"),
        ]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("dtype", ["FP64", "FP32", "INT32", "UINT8"])
def test_a_matrix_goes_in_and_answers_come_out(
    models: Models, server: Server, binary_in: bool, binary_out: bool, dtype: str
) -> None:
    model, inputs, _ = models["linear"]
    kind = {"FP64": np.float64, "FP32": np.float32, "INT32": np.int32, "UINT8": np.uint8}[dtype]
    rows = inputs[:7].astype(kind)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("probabilities", "predictions")]
    with _client(server) as client:
        answer = client.infer(
            "iris",
            [_input("input", rows, dtype, binary=binary_in)],
            outputs=outputs,
            request_id="mine",
            model_version="v1",
        )
    assert answer.get_response()["id"] == "mine"
    assert answer.get_response()["model_version"] == "v1"
    assert answer.as_numpy("predictions").tolist() == model.predict(rows.astype(float)).tolist()
    assert np.allclose(answer.as_numpy("probabilities"), model.predict_proba(rows.astype(float)), atol=1e-5)


def test_a_client_s_defaults_are_binary_and_get_all_outputs(models: Models, server: Server) -> None:
    model, inputs, _ = models["linear"]
    tensor = triton.InferInput("anything", [3, 4], "FP64")
    tensor.set_data_from_numpy(inputs[:3])
    with _client(server) as client:
        answer = client.infer("iris", [tensor])
    assert len(answer.get_response()["id"]) == 32
    assert answer.as_numpy("predictions").tolist() == model.predict(inputs[:3]).tolist()
    assert answer.as_numpy("probabilities").shape == (3, 3)


@pytest.mark.parametrize("binary", [True, False])
def test_columns_of_all_types_come_by_name(mixed: Mixed, people: Server, binary: bool) -> None:
    frame = pl.DataFrame(PEOPLE)
    tensors = [
        _input("member", frame["member"].to_numpy(), "BOOL", binary=binary),
        _input("city", frame["city"].to_numpy().astype(object).reshape(-1, 1), "BYTES", binary=binary),
        _input("age", frame["age"].to_numpy(), "FP64", binary=binary),
    ]
    outputs = [triton.InferRequestedOutput("predictions", binary_data=binary)]
    with _client(people) as client:
        answer = client.infer("people", tensors, outputs=outputs)
        assert [str(text, "utf-8") if binary else text for text in answer.as_numpy("predictions")] == mixed.expected
        with pytest.raises(InferenceServerException, match=r"lacks 1 column.*: age"):
            client.infer("people", tensors[:2])


def _infer(server: Server, body: bytes, json_length: int | None = None) -> tuple[int, Any]:
    headers = {} if json_length is None else {"Inference-Header-Content-Length": str(json_length)}
    return server.post(body, "/v2/models/iris/infer", **headers)


def _tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "input", "datatype": "FP64", "shape": [1, 4], "data": [1, 2, 3, 4]} | changes


@pytest.mark.parametrize(
    ("request_body", "status"),
    [
        ({"inputs": [_tensor()]}, 200),
        ({"inputs": [_tensor(data=[[1, 2, 3, 4]])]}, 200),
        ({"inputs": [_tensor(name=f"x{i}", shape=[1], data=[1]) for i in range(4)]}, 200),
        ({"inputs": []}, 422),
        ({}, 422),
        ([], 422),
        ({"inputs": [1]}, 422),
        ({"inputs": [_tensor(shape=[1, 5], data=[1] * 5)]}, 422),
        ({"inputs": [_tensor(shape=[2, 4])]}, 422),
        ({"inputs": [_tensor(shape=[1, 2, 2])]}, 422),
        ({"inputs": [_tensor(shape=[-1, 4])]}, 422),
        ({"inputs": [_tensor(shape=[True, 4])]}, 422),
        ({"inputs": [_tensor(shape=[1_000_000, 4])]}, 413),
        ({"inputs": [_tensor(shape=[1, 10**18], data=[1])]}, 422),
        ({"inputs": [_tensor(datatype="FP128")]}, 422),
        ({"inputs": [_tensor(datatype=["FP64"])]}, 422),
        ({"inputs": [_tensor(data=["s3cret", 2, 3, 4])]}, 400),
        ({"inputs": [_tensor(), _tensor()]}, 400),
        ({"inputs": [_tensor()], "outputs": [{"name": "s3cret"}]}, 400),
        ({"inputs": [_tensor()], "outputs": [{"name": {}}]}, 400),
        ({"inputs": [_tensor()], "outputs": 3}, 422),
        ({"inputs": [_tensor()], "id": "x" * 129}, 422),
        ({"inputs": [_tensor(parameters={"binary_data_size": 32})]}, 422),
    ],
    ids=lambda value: str(value)[:60],
)
def test_requests_are_checked_before_they_are_believed(server: Server, request_body: Any, status: int) -> None:
    found, answer = server.post(request_body, "/v2/models/iris/infer")
    assert found == status, answer
    if status != 200:
        assert isinstance(answer["error"], str)
        assert "s3cret" not in json.dumps(answer)


def test_bytes_that_are_not_there_are_not_read(server: Server) -> None:
    def ask(size: Any, blob: bytes, json_length: int | None = None, **changes: Any) -> int:
        tensor = _tensor(parameters={"binary_data_size": size}, **changes)
        del tensor["data"]
        head = json.dumps({"inputs": [tensor]}).encode()
        return _infer(server, head + blob, len(head) if json_length is None else json_length)[0]

    row = struct.pack("<4d", 1, 2, 3, 4)
    assert ask(32, row) == 200
    assert ask(32, row[:-1]) == 400
    assert ask(32, row + b"x") == 400
    assert ask(24, row[:24]) == 422
    assert ask(-1, row) == 422
    assert ask("32", row) == 422
    assert ask(32, row, json_length=10**9) == 400
    assert ask(32, row, json_length=-1) == 400
    assert ask(32, struct.pack("<4d", 1, 2, 3, float("inf"))) == 400
    assert ask(32, struct.pack("<4d", 1, 2, 3, float("nan"))) == 400
    assert ask(20, struct.pack("<I", 2**31) + b"x" * 16, datatype="BYTES") == 422
    assert ask(4, struct.pack("<I", 0), datatype="BYTES") == 422


def test_readiness_in_every_dialect(models: Models, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models["linear"][2], tmp_path / "model"))
    (folder / "golden.jsonl").write_text('{"data": [1, 2, 3, 4], "prediction": 99}\n')
    with Server(folder) as server:
        server.wait_for_refusal()
        for path in ("/v2/health/ready", "/v2/models/iris/ready", "/ping", "/health"):
            assert server.get(path)[0] == 503, path
        assert server.get("/v2/health/live")[0] == 200
        assert server.post({"inputs": [_tensor()]}, "/v2/models/iris/infer")[0] == 503
        assert server.post({"inputs": [[1, 2, 3, 4]]}, "/invocations")[0] == 503


# --- MLflow


def _mlflow_bodies(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The shapes of MLflow's documentation, with columns in another order than the model's."""
    names = list(reversed(rows[0]))
    return {
        "split": {"dataframe_split": {"columns": names, "data": [[row[name] for name in names] for row in rows]}},
        "split with index": {
            "dataframe_split": {"index": [0], "columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
        },
        "records": {"dataframe_records": [{name: row[name] for name in names} for row in rows]},
        "instances": {"instances": rows},
        "instances by place": {"instances": [list(row.values()) for row in rows]},
        "inputs": {"inputs": {name: [row[name] for row in rows] for name in names}},
        "inputs by place": {"inputs": [list(row.values()) for row in rows]},
        "columns of one": {"inputs": {name: [[row[name]] for row in rows] for name in names}},
    }


@pytest.mark.parametrize("shape", list(_mlflow_bodies(PEOPLE)))
def test_every_shape_of_mlflow(mixed: Mixed, people: Server, shape: str) -> None:
    status, answer = people.post(_mlflow_bodies(PEOPLE)[shape], "/invocations")
    assert (status, answer["predictions"]) == (200, mixed.expected), answer
    assert len(answer["id"]) == 32
    assert people.get("/ping")[0] == 200


def test_csv_of_a_data_frame(mixed: Mixed, people: Server) -> None:
    frame = pl.DataFrame(PEOPLE)[["member", "city", "age"]]
    body = frame.write_csv().encode()
    status, answer = people.post(body, "/invocations", **{"Content-Type": "text/csv; charset=utf-8"})
    assert (status, answer["predictions"]) == (200, mixed.expected)


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"age,city\n1,Oslo\n", "text/csv", 400, "member"),
        (b"age,city,member,member\n1,Oslo,true,true\n", "text/csv", 400, "twice"),
        (b"age,city,member\n1,Oslo\n", "text/csv", 422, "row 0"),
        (b"age,city,member\ns3cret,Oslo,true\n", "text/csv", 400, "age"),
        (b"age,city,member\n1e999,Oslo,true\n", "text/csv", 400, "age"),
        (b"age,city,member\n,Oslo,true\n", "text/csv", 400, "age"),
        (b"age,city,member\n1,Oslo,maybe\n", "text/csv", 400, "member"),
        (b"age,city,member\n", "text/csv", 422, "one row"),
        (b"", "text/csv", 422, "header"),
        (b'"', "text/csv", 400, "CSV"),
        (b"\xff\xfe", "text/csv", 400, "CSV"),
        (b"{}", "application/json", 422, "one of"),
        (b"[]", "application/json", 422, "one of"),
        (b'{"inputs": [], "instances": []}', "application/json", 422, "one of"),
        (b'{"inputs": {"age": [1], "city": ["Oslo"], "member": [true, true]}}', "application/json", 422, "lengths"),
        (b'{"inputs": {"age": 1, "city": [""], "member": [true]}}', "application/json", 422, "list"),
        (b'{"dataframe_split": []}', "application/json", 422, "columns"),
        (b'{"dataframe_split": {"columns": ["age"], "data": [[1]]}}', "application/json", 400, "city, member"),
        (b"x", "application/octet-stream", 415, "text/csv"),
    ],
)
def test_mlflow_s_errors_name_columns_and_no_values(
    people: Server, body: bytes, kind: str, status: int, said: str
) -> None:
    found, answer = people.post(body, "/invocations", **{"Content-Type": kind})
    assert found == status, answer
    assert said in answer["message"]
    assert answer["error_code"] == "BAD_REQUEST"
    assert "s3cret" not in json.dumps(answer)


# --- feedback, curl, Prometheus, documentation


def test_labels_come_to_a_file_by_prediction_id(models: Models, tmp_path: Path) -> None:
    with Server(models["linear"][2], LAB_RUN_DIR=str(tmp_path), LAB_FEEDBACK_BYTES="600") as server:
        server.wait_for()
        name = server.post({"data": [[1, 2, 3, 4]]})[1]["id"]
        assert server.post({"id": name, "label": 2}, "/feedback") == (202, {"accepted": 1})
        assert server.post({"id": name, "labels": ["a", True], "row": 3}, "/feedback") == (202, {"accepted": 2})
        assert server.post({"feedback": [{"id": "a", "label": 0.5}]}, "/feedback") == (202, {"accepted": 1})
        lines = [json.loads(line) for line in (tmp_path / "feedback.jsonl").read_text().splitlines()]
        assert [(line["id"], line["row"], line["label"]) for line in lines] == [
            (name, 0, 2),
            (name, 3, "a"),
            (name, 4, True),
            ("a", 0, 0.5),
        ]
        assert server.post({"id": "b" * 128, "labels": ["x" * 200] * 2}, "/feedback")[0] == 507
        assert (tmp_path / "feedback.jsonl").stat().st_size <= 600
        (tmp_path / "feedback.jsonl").rename(tmp_path / "taken")
        assert server.post({"id": "b", "label": 1}, "/feedback")[0] == 202
        assert len((tmp_path / "feedback.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"id": "a"},
        {"label": 1},
        {"id": "", "label": 1},
        {"id": 1, "label": 1},
        {"id": "a", "label": None},
        {"id": "a", "label": [1]},
        {"id": "a", "label": "x" * 257},
        {"id": "a", "label": 1, "labels": [1]},
        {"id": "a", "labels": []},
        {"id": "a", "label": 1, "row": -1},
        {"id": "a", "label": 1, "row": True},
        {"feedback": []},
        {"id": "a", "label": 1, "rows": 3},
        {"feedback": [{"id": "a", "label": 1}], "id": "a"},
        {"feedback": {"id": "a", "label": 1}},
    ],
    ids=str,
)
def test_feedback_that_says_nothing_is_refused(server: Server, body: Any) -> None:
    assert server.post(body, "/feedback")[0] == 422


def test_a_server_without_a_folder_says_that_it_keeps_nothing(server: Server) -> None:
    assert server.post({"id": "a", "label": 1}, "/feedback")[0] == 501


def test_curl(server: Server) -> None:
    done = subprocess.run(
        ["curl", "-sS", "-f", "--json", '{"data": [[5.1, 3.5, 1.4, 0.2]]}', f"http://localhost:{server.port}/predict"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["predictions"] == [0]


def test_counters_are_what_prometheus_reads(people: Server) -> None:
    rows = [{"age": 1.0, "city": "Atlantis", "member": True}, {"age": 35.0, "city": "Oslo", "member": False}]
    people.post({"rows": rows}, "/predict")
    families = {
        family.name: {
            tuple(sample.labels.values()): sample.value for sample in family.samples if "bucket" not in sample.name
        }
        for family in text_string_to_metric_families(people.get("/metrics")[1].decode())
    }
    assert families["lab_feature_unseen"]["city",] >= 1
    assert families["lab_feature_outside"]["age",] >= 1
    assert families["lab_feature_categories"]["city", "Oslo"] >= 1
    assert families["lab_feature_missing"]["age",] == 0
    assert families["lab_output_classes"]["yes",] >= 1
    assert families["lab_golden_rows"][()] == 20
    assert families["lab_model_info"]["people", "v3", "sklearn", *next(iter(families["lab_model_info"]))[3:]] == 1
    assert families["lab_compute_seconds"]["sklearn", "1"] > 0
    for name in ("lab_requests_waiting", "lab_queue_seconds", "lab_batch_rows", "process_cpu_seconds", "lab_requests"):
        assert name in families


def test_the_page_for_people_loads_nothing_and_escapes_all(mixed: Mixed, tmp_path: Path) -> None:
    with Server(mixed.folder, LAB_MODEL_NAME="<script>alert(1)</script>") as server:
        server.wait_for()
        status, page = server.get("/docs")
    text = page.decode()
    assert status == 200
    assert "<script" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "age" in text


def test_only_questions_to_the_model_are_counted_as_clients(server: Server) -> None:
    """Probes and pages are not load, nor are their refusals errors of the deployment."""
    for page in server.get("/")[1]["paths"]:
        server.get(page)
    text = server.get("/metrics")[1].decode()
    asked = {sample.labels["route"] for sample in parse(text) if sample.name == "lab_requests_total"}
    assert asked - OWN_ROUTES <= {"/predict", "/invocations", "/v2/infer"}
    assert {"/docs", "/v2/models", "/ping"} <= asked
