"""Reading a model folder: every file by a plain name, the model's own only with the digest that it should have."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

import orjson

from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.signature import Signature


def read_signature(folder: Path) -> Signature:
    """Raises LoadError."""
    try:
        return Signature.from_json(orjson.loads((folder / "signature.json").read_bytes()))
    except FileNotFoundError as error:
        raise LoadError("the model folder has no signature.json") from error
    except (OSError, ValueError) as error:
        raise LoadError(f"signature.json cannot be read: {error}") from error


def read_checked(folder: Path, name: str, sha256: str) -> bytes:
    """The bytes of the file `name`. Raises LoadError unless their sha256 is the one given."""
    if not name or Path(name).name != name:
        raise LoadError("signature.json names no file of the model folder")
    if not sha256:
        raise LoadError("nothing says what the model file's sha256 should be")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise LoadError(f"the model file cannot be read ({error.strerror})") from error
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest().encode(), sha256.encode("utf-8", "replace")):
        raise LoadError("the model file's sha256 is not the expected one")
    return data


def read_golden(folder: Path) -> list[dict[str, Any]]:
    """Rows with the answers that training gave; none where the file is absent. Raises LoadError."""
    try:
        lines = (folder / "golden.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LoadError(f"golden.jsonl cannot be read ({error.strerror})") from error
    try:
        golden = [orjson.loads(line) for line in lines if line]
        if not all(isinstance(line["data"], list) and "prediction" in line for line in golden):
            raise ValueError("a line lacks its data")
    except (ValueError, KeyError, TypeError) as error:
        raise LoadError("golden.jsonl is damaged") from error
    return golden


def read_profile(folder: Path) -> dict[str, Any]:
    """What training was like; empty where the file is absent. Raises LoadError."""
    try:
        profile = orjson.loads((folder / "profile.json").read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LoadError("profile.json cannot be read") from error
    if not isinstance(profile, dict):
        raise LoadError("profile.json is damaged")
    return profile
