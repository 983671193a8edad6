"""The metrics page, read back by the rules of the Prometheus text format."""

from __future__ import annotations

import re

from lab.runtime.serving.metrics import Histogram, Metrics, resident_bytes

_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'(\{(?P<labels>([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\"n])*",?)*)\})? (?P<value>[-+0-9.e]+|\+Inf|NaN)'
)


def parse(page: bytes) -> dict[str, float]:
    """Samples by name and labels; every family announced before its samples, every line well-formed."""
    text = page.decode()
    assert text.endswith("\n")
    samples: dict[str, float] = {}
    families: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            assert word in ("HELP", "TYPE")
            if word == "TYPE":
                assert name not in families, f"{name} is announced twice"
                families[name] = rest
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        family = re.sub(r"_(bucket|sum|count)$", "", match["name"])
        assert match["name"] in families or families.get(family) == "histogram", line
        key = line.rsplit(" ", 1)[0]
        assert key not in samples, f"{key} is told twice"
        samples[key] = float(match["value"])
    return samples


def test_the_page_is_valid_and_counts() -> None:
    metrics = Metrics()
    metrics.count("/predict", 200)
    metrics.count("/predict", 200)
    metrics.count("other", 404)
    metrics.rows = 7
    metrics.latency.observe(0.003)
    page = metrics.render(ready=True, waiting=2, model={"model": 'a"b\\c\nd', "version": "v1"})
    samples = parse(page)
    assert samples['lab_requests_total{route="/predict",code="200"}'] == 2
    assert samples['lab_requests_total{route="other",code="404"}'] == 1
    assert samples["lab_rows_total"] == 7
    assert samples["lab_requests_waiting"] == 2
    assert samples["lab_ready"] == 1
    assert samples['lab_model_info{model="a\\"b\\\\c\\nd",version="v1"}'] == 1
    assert samples["process_resident_memory_bytes"] > 1e6
    assert samples["process_cpu_seconds_total"] > 0
    assert 0 <= samples["lab_uptime_seconds"] < 60
    assert parse(Metrics().render(ready=False, waiting=0, model={}))["lab_ready"] == 0


def test_buckets_are_cumulative_and_their_bounds_inclusive() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 99.0):
        histogram.observe(value)
    lines = ['h_bucket{le="1"} 2', 'h_bucket{le="2"} 4', 'h_bucket{le="+Inf"} 5', "h_sum 104.0", "h_count 5"]
    assert histogram.lines("h") == lines


def test_memory_is_of_this_process() -> None:
    before = resident_bytes()
    block = bytearray(64 * 1024 * 1024)
    block[::4096] = b"x" * len(block[::4096])
    assert resident_bytes() - before > 32 * 1024 * 1024
