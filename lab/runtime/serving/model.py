"""The model itself: verified, opened, tried, and measured before it serves. Needs numpy: loaded late."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.runtime.serving.compute import Choice, Cost, Output, choose
from lab.runtime.serving.config import DEFAULT_POLICIES, Policies
from lab.runtime.serving.errors import LoadError
from lab.runtime.serving.files import read_checked, read_golden, read_profile, read_signature
from lab.runtime.serving.live_profile import LiveProfile
from lab.runtime.serving.loaders import Files, loader_of
from lab.runtime.serving.rows import RowReader
from lab.runtime.serving.signature import Row, Signature


@dataclass(frozen=True)
class ServedModel:
    """A model behind its signature. `predict` may be called from any thread, and raises whatever the model raises.

    `golden` rows were predicted as in training when the model was loaded.
    """

    signature: Signature
    predict: Callable[[list[Row]], Output]
    cost: Cost
    choice: Choice
    golden: int
    rows: RowReader
    profile: LiveProfile


def load(folder: Path, sha256: str, policies: Policies = DEFAULT_POLICIES, exact: bool = False) -> ServedModel:
    """Open the model in `folder` if its file has the digest `sha256` ("": as its signature says), and try it.

    `exact`: compute nothing in single precision that the model itself does not.

    Raises LoadError if the digest differs, the file is refused, or a golden row is not predicted as it was in training.
    """
    warnings.simplefilter("ignore")  # per call they cost more than a small model does
    signature = read_signature(folder)
    loader = loader_of(signature.framework)
    files = Files(folder, signature, read_checked(folder, signature.file, sha256 or signature.sha256))
    golden = read_golden(folder)
    predict, cost, choice = choose(loader.ways(files), golden, exact)
    try:
        profile = LiveProfile(signature, read_profile(folder))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadError("profile.json is damaged") from error
    gc.collect()
    gc.freeze()  # the model never dies: later collections need not look at it
    return ServedModel(signature, predict, cost, choice, len(golden), RowReader(signature, policies), profile)
