"""The counters page, read back by Prometheus's own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from lab.runtime.serving.metrics import Family, Histogram, Metrics, page, resident_bytes, sample


def parse(text: bytes) -> dict[tuple[str, ...], float]:
    """Samples by name and labels' values; the kinds are the parser's to check."""
    samples: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.documentation
        assert family.type != "unknown"
        for entry in family.samples:
            key = (entry.name, *entry.labels.values())
            assert key not in samples, f"{key} is told twice"
            samples[key] = entry.value
    return samples


def test_the_page_is_valid_and_counts() -> None:
    metrics = Metrics()
    metrics.count("/predict", 200)
    metrics.count("/predict", 200)
    metrics.count("other", 404)
    metrics.rows = 7
    metrics.latency.observe(0.003)
    text = page(metrics.families())
    assert text.endswith(b"\n")
    samples = parse(text)
    assert samples["lab_requests_total", "/predict", "200"] == 2
    assert samples["lab_requests_total", "other", "404"] == 1
    assert samples[("lab_rows_total",)] == 7
    assert samples["lab_request_seconds_bucket", "0.005"] == 1
    assert samples["lab_request_seconds_bucket", "0.0025"] == 0
    assert samples[("process_resident_memory_bytes",)] > 1e6
    assert samples[("process_cpu_seconds_total",)] > 0
    assert 0 <= samples[("lab_uptime_seconds",)] < 60


def test_labels_hold_anything_and_stay_on_their_line() -> None:
    odd = 'a"b\\c\nd\r\x1be\ud800'
    text = page([Family("f", "gauge", "A name.", [sample("f", 1, name=odd)])])
    assert list(parse(text)) == [("f", 'a"b\\c\nd\ufffd\ufffde\ufffd')]


def test_a_family_without_samples_is_left_out() -> None:
    assert page([Family("f", "counter", "Nothing.", [])]) == b"\n"


def test_buckets_are_cumulative_their_bounds_inclusive_and_exact() -> None:
    histogram = Histogram((1.0, 2.0, 2.0000001))
    for value in (0.5, 1.0, 1.5, 2.0, 99.0):
        histogram.observe(value)
    text = page([Family("h", "histogram", "Values.", histogram.lines("h", {"feature": "a"}))])
    samples = parse(text)
    assert [samples["h_bucket", "a", bound] for bound in ("1", "2", "2.0000001", "+Inf")] == [2, 4, 4, 5]
    assert (samples["h_sum", "a"], samples["h_count", "a"]) == (104.0, 5)


def test_memory_is_of_this_process() -> None:
    before = resident_bytes()
    block = bytearray(64 * 1024 * 1024)
    block[::4096] = b"x" * len(block[::4096])
    assert resident_bytes() - before > 32 * 1024 * 1024
