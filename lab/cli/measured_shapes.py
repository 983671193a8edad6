"""The JSON of load tests and of two versions beside each other: a public contract as lab.cli.shapes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.cli.formats import format_utc
from lab.domain.canary import Beside, Side
from lab.domain.load_tests import LoadTest


def load_test_shape(test: LoadTest) -> dict[str, Any]:
    """Latencies in seconds; `failures` counts by status or "no answer"."""
    return {**asdict(test), "at": format_utc(test.at)}


def beside_shape(seen: Beside) -> dict[str, Any]:
    """`blue` serves, `green` is tried; `ok` and `told` are how they compare so far."""
    return {
        "seconds": seen.seconds,
        "blue": _side(seen.old),
        "green": _side(seen.new),
        "disagreement": seen.disagreement,
        "ok": seen.verdict.ok,
        "told": seen.verdict.told,
    }


def _side(side: Side) -> dict[str, Any]:
    seen = side.traffic
    about = {"model": side.ref, "share": side.share, "servers": side.servers}
    return {**about, "requests": seen.requests, "failed": seen.failed, "p50": seen.p50, "p95": seen.p95}
