"""The JSON documents of the command line, as a reader from outside would check them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def text(value: Any) -> bool:
    return isinstance(value, str)


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    """A float as Lab writes it: JSON has no NaN and no infinities."""
    return whole(value) or isinstance(value, float) or value in ("NaN", "Infinity", "-Infinity")


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def time(value: Any) -> bool:
    return isinstance(value, str) and TIME.fullmatch(value) is not None


def param(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def one_of(*words: str) -> Check:
    return lambda value: value in words


def anything(_: Any) -> bool:
    return True


def many(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def mapping(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(text(key) and check(item) for key, item in value.items())


def shape(keys: Mapping[str, Check]) -> Check:
    """An object with exactly these keys, in this order: `id` comes first because it is written first."""

    def check(value: Any) -> bool:
        assert list(value) == list(keys), (list(value), list(keys))
        wrong = {key: value[key] for key, holds in keys.items() if not holds(value[key])}
        assert not wrong, wrong
        return True

    return check


_RUN: dict[str, Check] = {
    "id": text,
    "name": text,
    "project": text,
    "entry": text,
    "status": one_of("queued", "created", "running", "finished", "failed", "stopped", "interrupted", "lost"),
    "cause": text,
    "exit_code": maybe(whole),
    "engine": text,
    "params": mapping(param),
    "metrics": mapping(number),
    "datasets": mapping(text),
    "tags": many(text),
    "created": time,
    "started": maybe(time),
    "ended": maybe(time),
    "duration": maybe(number),
    "seed": whole,
    "sweep": text,
    "notes": text,
    "starred": flag,
    "archived": flag,
    "badge": one_of("", "captured", "rerunnable", "bitwise", "tolerance", "failed"),
    "reproduces": text,
    "peak_memory": maybe(whole),
    "cpu_time": maybe(number),
    "guards": many(text),
    "eta": maybe(number),
}
RUN = shape(_RUN)
#: One with what it has in the columns that were asked for.
RUN_SHOWN = shape({**_RUN, "columns": mapping(anything)})
WAITING = shape({**_RUN, "position": whole, "reason": text, "held": flag})
_SWEEP: dict[str, Check] = {
    "id": text,
    "name": text,
    "project": text,
    "entry": text,
    "state": one_of("running", "waiting", "paused", "stopped", "failed", "finished"),
    "cause": text,
    "done": whole,
    "total": whole,
    "queued": whole,
    "running": whole,
    "finished": whole,
    "failed": whole,
    "metric": text,
    "best": maybe(number),
    "best_run": text,
    "created": time,
    "ended": maybe(time),
    "method": maybe(one_of("grid", "random", "adaptive")),
    "params": maybe(mapping(text)),
    "seeds": maybe(many(whole)),
    "jobs": maybe(whole),
    "on_failure": maybe(text),
    "early_stop": maybe(flag),
    "pruner": maybe(text),
}
SWEEP = shape(_SWEEP)
SWEEP_DETAIL = shape({**_SWEEP, "runs": many(RUN)})
SUMMARY = shape({"last": number, "min": number, "max": number, "mean": number, "count": whole, "step": number})
FIRING = shape(
    {"guard": text, "when": text, "do": one_of("stop", "notify", "mark"), "step": maybe(number), "at": time,
     "evidence": text}
)  # fmt: skip
REPLAY = shape(
    {"id": text, "name": text, "fired": flag, "guard": text, "when": text, "do": text, "step": maybe(number),
     "at": maybe(time), "evidence": maybe(text)}
)  # fmt: skip
RUN_DETAIL = shape(
    {
        **_RUN,
        "summaries": mapping(SUMMARY),
        "image": text,
        "folder": text,
        "command": maybe(many(text)),
        "code": maybe(lambda value: isinstance(value, dict) and {"tree", "files", "size", "commit"} <= set(value)),
        "inputs": maybe(mapping(shape({"name": text, "version": text, "manifest": text, "place": text}))),
        "environment": maybe(text),
        "resources": maybe(
            shape({"cpus": number, "memory": whole, "gpus": whole, "shm": whole, "pids": whole}),
        ),
        "network": maybe(flag),
        "firings": many(FIRING),
        "capture": maybe(
            lambda value: isinstance(value, dict) and {"input_id", "code", "software", "outputs"} <= set(value)
        ),
    }
)
_ROWS = many(shape({"key": text, "values": many(param), "differs": flag}))
_STATS = shape({"n": whole, "mean": maybe(number), "sd": maybe(number), "left_out": whole})
_GROUP = shape({"label": text, "runs": many(text), "seeds": many(many(whole)), "metrics": mapping(_STATS)})
VERDICT = shape(
    {
        "metric": text,
        "group": whole,
        "baseline": whole,
        "direction": one_of("higher", "lower", "unknown"),
        "outcome": one_of("better", "worse", "higher", "lower", "noise", "same", "none"),
        "test": one_of("paired", "rank", ""),
        "p": maybe(number),
        "comparisons": whole,
        "effect": maybe(number),
        "low": maybe(number),
        "high": maybe(number),
        "a12": maybe(number),
        "wins": whole,
        "pairs": whole,
        "equal_seeds": flag,
        "n": many(whole),
        "more": maybe(many(whole)),
        "sentence": text,
    }
)
PREFLIGHT = shape(
    {
        "id": text,
        "name": text,
        "ready": flag,
        "rebuild": flag,
        "missing": many(shape({"what": text, "message": text, "hint": text})),
        "notes": many(text),
    }
)
_AGREEMENT = one_of("identical", "within", "different", "unknown")
REPRODUCTION = shape(
    {
        "id": text,
        "name": text,
        "badge": one_of("bitwise", "tolerance", "failed"),
        "reproduced": flag,
        "sentence": text,
        "deterministic": maybe(flag),
        "tolerance": shape({"absolute": number, "relative": number, "sigmas": number}),
        "swapped": text,
        "change": text,
        "runs": many(
            shape(
                {
                    "id": text,
                    "name": text,
                    "status": text,
                    "agreement": _AGREEMENT,
                    "rebuilt": flag,
                    "metrics": many(
                        shape(
                            {
                                "name": text,
                                "agreement": _AGREEMENT,
                                "old": maybe(number),
                                "new": maybe(number),
                                "delta": maybe(number),
                                "limit": number,
                                "step": maybe(number),
                            }
                        )
                    ),
                    "predictions": many(
                        shape(
                            {
                                "file": text,
                                "agreement": _AGREEMENT,
                                "common": whole,
                                "equal": whole,
                                "off": maybe(number),
                                "alone": whole,
                                "note": text,
                            }
                        )
                    ),
                    "outputs": many(shape({"path": text, "kind": text, "agreement": _AGREEMENT})),
                    "causes": many(shape({"cause": text, "name": text, "old": param, "new": param})),
                }
            )
        ),
        "spreads": mapping(shape({"n": whole, "mean": number, "sd": number, "away": maybe(number)})),
        "missing": many(text),
    }
)
COMPARISON = shape(
    {
        "runs": many(RUN),
        "baseline": text,
        "params": _ROWS,
        "metrics": _ROWS,
        "datasets": _ROWS,
        "environment": _ROWS,
        "code_same": flag,
        "groups": many(_GROUP),
        "verdicts": many(VERDICT),
    }
)
_CHANGE = many(shape({"key": text, "change": one_of("added", "removed", "changed"), "old": param, "new": param}))
_FILES = many(shape({"path": text, "old_bytes": whole, "new_bytes": whole}))
RUN_CHANGES = shape(
    {
        "id": text,
        "name": text,
        "parent": maybe(shape({"id": text, "name": text})),
        "identical": maybe(flag),
        "params": _CHANGE,
        "datasets": many(
            shape(
                {
                    "name": text,
                    "old": text,
                    "new": text,
                    "old_rows": maybe(whole),
                    "new_rows": maybe(whole),
                    "old_bytes": maybe(whole),
                    "new_bytes": maybe(whole),
                }
            )
        ),
        "code": shape(
            {
                "same": flag,
                "added": _FILES,
                "removed": _FILES,
                "changed": _FILES,
                "commits": many(text),
                "partial": flag,
                "note": text,
                "diff": many(text),
            }
        ),
        "environment": _CHANGE,
        "packages": _CHANGE,
        "metrics": many(
            shape(
                {
                    "name": text,
                    "old": maybe(number),
                    "new": maybe(number),
                    "direction": one_of("higher", "lower", "unknown"),
                    "better": maybe(flag),
                }
            )
        ),
    }
)
DATASET = shape(
    {
        "id": text,
        "name": text,
        "project": text,
        "path": text,
        "version": whole,
        "versions": whole,
        "aliases": mapping(whole),
        "manifest": text,
        "files": whole,
        "bytes": whole,
        "rows": maybe(whole),
        "updated": time,
    }
)
_DATASET_VERSION: dict[str, Check] = {
    "id": text,
    "name": text,
    "project": text,
    "version": whole,
    "manifest": text,
    "files": whole,
    "bytes": whole,
    "rows": maybe(whole),
    "columns": many(shape({"name": text, "type": text})),
    "message": text,
    "note": text,
    "tags": many(text),
    "aliases": many(text),
    "verdict": maybe(text),
    "auto": flag,
    "removed": flag,
    "origin": mapping(text),
    "created": time,
}
DATASET_VERSION = shape(_DATASET_VERSION)
DATASET_ADDED = shape({**_DATASET_VERSION, "new": flag})
DATASET_DETAIL = shape(
    {
        **_DATASET_VERSION,
        "contents": many(shape({"path": text, "bytes": whole})),
        "links": many(shape({"path": text, "target": text})),
        "folders": many(text),
        "versions": many(shape({"version": whole, "manifest": text})),
    }
)
_MODEL_VERSION: dict[str, Check] = {
    "id": text,
    "model": text,
    "version": whole,
    "framework": text,
    "run": text,
    "project": text,
    "manifest": text,
    "bytes": whole,
    "signature": lambda value: isinstance(value, dict),
    "metrics": mapping(number),
    "datasets": mapping(text),
    "created": time,
}
MODEL_VERSION = shape(_MODEL_VERSION)
MODEL_DETAIL = shape(
    {
        **_MODEL_VERSION,
        "aliases": many(text),
        "files": many(shape({"path": text, "bytes": whole})),
        "versions": many(whole),
    }
)
MODEL = shape(
    {
        "id": text,
        "name": text,
        "version": whole,
        "versions": whole,
        "aliases": mapping(whole),
        "latest": MODEL_VERSION,
    }
)
_DEPLOYMENT: dict[str, Check] = {
    "id": text,
    "name": text,
    "model": text,
    "version": whole,
    "status": one_of("starting", "ready", "unhealthy", "failed", "stopped"),
    "url": text,
    "engine": text,
    "replicas": whole,
    "alias": text,
    "cause": text,
    "port": whole,
    "image": text,
    "created": time,
    "ready": maybe(time),
    "ended": maybe(time),
}
DEPLOYMENT = shape(_DEPLOYMENT)
ROLLOUT = shape(
    {
        "id": text,
        "deployment": text,
        "number": whole,
        "model": text,
        "version": whole,
        "alias": text,
        "strategy": one_of("blue-green", "canary", "shadow", "recreate"),
        "before": maybe(text),
        "outcome": one_of("going", "done", "compared", "rolled back", "failed"),
        "cause": text,
        "started": time,
        "ended": maybe(time),
        "steps": many(
            shape(
                {
                    "step": text,
                    "ok": flag,
                    "at": time,
                    "seconds": number,
                    "told": text,
                    "evidence": lambda value: isinstance(value, dict),
                }
            )
        ),
    }
)
DEPLOYMENT_DETAIL = shape(
    {**_DEPLOYMENT, "signature": lambda value: isinstance(value, dict), "rollout": maybe(ROLLOUT)}
)
HEALTH = shape(
    {
        "id": text,
        "name": text,
        "at": time,
        "live": flag,
        "ready": flag,
        "reason": text,
        "uptime": maybe(number),
        "requests": whole,
        "errors": whole,
        "rate": maybe(number),
        "p50": maybe(number),
        "p95": maybe(number),
        "p99": maybe(number),
        "in_flight": whole,
        "cpu": maybe(number),
        "rss": maybe(whole),
        "memory": maybe(whole),
        "memory_limit": whole,
        "counters": mapping(number),
        "version": whole,
        "alias": text,
        "errors_4xx": maybe(number),
        "errors_5xx": maybe(number),
        "queued": whole,
        "batch": maybe(number),
        "servers": whole,
        "servers_up": whole,
        "asleep": whole,
        "restarts": maybe(whole),
        "out_of_memory": flag,
        "last_errors": many(text),
    }
)
LOAD_TEST = shape(
    {
        "at": time,
        "model": text,
        "version": whole,
        "replicas": whole,
        "connections": whole,
        "seconds": number,
        "requests": whole,
        "failed": whole,
        "per_second": number,
        "p50": maybe(number),
        "p95": maybe(number),
        "p99": maybe(number),
        "slowest": maybe(number),
        "failures": mapping(whole),
    }
)
LOAD_TESTS = shape({"id": text, "name": text, "items": many(LOAD_TEST), "total": whole})
_SIDE = shape(
    {
        "model": text,
        "share": whole,
        "servers": whole,
        "requests": whole,
        "failed": whole,
        "p50": maybe(number),
        "p95": maybe(number),
    }
)
CANARY = shape(
    {
        "id": text,
        "name": text,
        "canary": maybe(
            shape(
                {
                    "seconds": number,
                    "blue": _SIDE,
                    "green": _SIDE,
                    "disagreement": maybe(number),
                    "ok": flag,
                    "told": text,
                }
            )
        ),
    }
)
CHECK = shape({"id": text, "ok": flag, "detail": text, "hint": text})
LOG = shape({"id": text, "name": text, "items": many(text), "total": whole})
ERROR = shape({"error": shape({"code": text, "message": text, "hint": text})})
QUERY_ERROR = shape({"error": shape({"code": text, "message": text, "hint": text, "position": whole})})
SPREAD = shape({"n": whole, "mean": number, "sd": maybe(number), "min": number, "max": number})
RUN_GROUP = shape({"name": text, "group": anything, "n": whole, "runs": many(text), "metrics": mapping(SPREAD)})
EDIT = shape({"at": time, "what": text, "before": anything, "after": anything})
VIEW = shape({"id": text, "project": text, "name": text, "filter": text, "sort": text, "columns": many(text)})
SQL = shape({"columns": many(text), "items": many(anything), "total": whole, "cut": flag})


def listing(item: Check) -> Check:
    return shape({"items": many(item), "total": whole})


def document(output: str, check: Check) -> Any:
    """The one document in `output`, checked. Fails when there is more, or anything that is not plain ASCII JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    assert output.isascii()
    value = json.loads(output, parse_constant=refuse)
    assert check(value)
    return value
