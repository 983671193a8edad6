"""The server against its own OpenAPI document: what the document allows is answered as it says, the rest refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as promises
from serving_client import Server, save
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

#: Where the document says all that the server checks; the tensors of the Open Inference Protocol say more than it can.
STRICT = ["/predict", "/feedback", "/invocations"]
_ALWAYS = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
_EXACT = ("positive_data_acceptance", "negative_data_rejection")
_SETTINGS = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("openapi")
    frame = pl.DataFrame({"age": [1.0, 2.0, None, 4.0] * 5, "city": ["a", "b"] * 10, "member": [True, False] * 10})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city", "member"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * 10)
    (root / "run").mkdir()
    with Server(save(model, root / "model", frame), LAB_RUN_DIR=str(root / "run")) as running:
        running.wait_for()
        yield running


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("path", [*STRICT, "/v2/models/iris/infer"])
def test_the_server_keeps_what_its_document_promises(asked: Server, path: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{asked.port}/openapi.json")
    operation = schema[path]["POST"]
    checks = [getattr(promises, name) for name in (*_ALWAYS, *(_EXACT if path in STRICT else ()))]

    @_SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=checks)

    ask()


def test_pages_are_as_the_document_says(asked: Server, tmp_path: Path) -> None:
    document = asked.get("/openapi.json")[1]
    assert document["openapi"].startswith("3.1")
    record = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    properties = record["properties"]["rows"]["items"]["properties"]
    assert properties["age"]["type"] == ["number", "null"]
    assert properties["city"] == {"type": "string", "description": "in training one of a, b"}
