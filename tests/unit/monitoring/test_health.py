from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

from lab.domain.deployments import Deployment, DeploymentStatus, Health, ServersSeen
from lab.domain.exposition import parse, quantile
from lab.errors import EngineError
from lab.monitoring.health import HealthWatch
from lab.monitoring.history import HealthLog

DEPLOYMENT = Deployment("d1", "digits", "digits", 1, "", DeploymentStatus.READY, "process", 1, "", 0.0)


def page(requests: int, errors: int, cpu: float, buckets: tuple[int, int, int], ready: int = 1) -> bytes:
    fast, slow, every = buckets
    return f"""# HELP lab_requests_total x
# TYPE lab_requests_total counter
lab_requests_total{{route="/predict",code="200"}} {requests - errors}
lab_requests_total{{route="/predict",code="400"}} {errors}
lab_requests_total{{route="/readyz",code="200"}} 99
lab_request_seconds_bucket{{le="0.01"}} {fast}
lab_request_seconds_bucket{{le="0.1"}} {slow}
lab_request_seconds_bucket{{le="+Inf"}} {every}
lab_requests_in_flight 3
lab_ready {ready}
lab_batch_rows_sum {requests * 4}
lab_batch_rows_count {requests * 2}
lab_uptime_seconds 12.5
process_cpu_seconds_total {cpu}
process_resident_memory_bytes 1048576
nonsense line
lab_bad{{x="1"}} not-a-number
""".encode()


class Server:
    def __init__(self) -> None:
        self.page = page(10, 1, 1.0, (5, 10, 10))
        self.ready = (200, b"{}")
        self.down = False

    def ask(self, deployment: Deployment, path: str, slot: int) -> tuple[int, bytes]:
        if self.down:
            raise EngineError("no answer")
        return self.ready if path == "/readyz" else (200, self.page)


def test_parsing_takes_labels_escapes_and_leaves_what_is_no_sample() -> None:
    samples = parse('a{x="1",y="q\\"}"} 2\nb 3 1700000000\n# c 4\nd{ 5\nnan NaN\n')
    assert [(s.name, dict(s.labels), s.value) for s in samples[:2]] == [
        ("a", {"x": "1", "y": 'q\\"}'}, 2.0),
        ("b", {}, 3.0),
    ]
    assert len(samples) == 3
    assert math.isnan(samples[2].value)


def test_quantiles_are_interpolated_inside_their_bucket() -> None:
    bounds = [(0.1, 50.0), (0.2, 100.0), (math.inf, 100.0)]
    assert quantile(bounds, 0.5) == 0.1
    assert quantile(bounds, 0.75) == 0.15000000000000002
    assert quantile([(0.1, 1.0), (math.inf, 10.0)], 0.99) == 0.1, "above the last bound nothing more is known"
    assert quantile([], 0.5) is None
    assert quantile([(0.1, 0.0), (math.inf, 0.0)], 0.5) is None


def test_rates_are_since_the_look_before() -> None:
    server = Server()
    watch = HealthWatch(server.ask, memory_limit=2**30)
    first = watch.look(DEPLOYMENT)
    assert (first.live, first.ready, first.requests, first.errors, first.rate, first.cpu) == (
        True,
        True,
        10,
        1,
        None,
        None,
    )
    assert (first.uptime, first.in_flight, first.rss, first.memory_limit) == (12.5, 2, 1048576, 2**30)
    began = time.monotonic()
    server.page = page(110, 1, 1.5, (5, 110, 110))
    second = watch.look(DEPLOYMENT)
    assert second.rate is not None
    assert second.rate >= 100 / (time.monotonic() - began + 1)
    assert second.cpu is not None
    assert second.p50 is not None
    assert 0.01 < second.p50 < 0.1, "only the new requests, all in the second bucket"


def test_a_server_that_started_again_has_no_negative_rates() -> None:
    server = Server()
    watch = HealthWatch(server.ask, 0)
    watch.look(DEPLOYMENT)
    server.page = page(2, 0, 0.1, (2, 2, 2))
    again = watch.look(DEPLOYMENT)
    assert (again.rate, again.cpu, again.requests) == (None, None, 2)


def test_not_ready_and_not_there_are_told_apart() -> None:
    server = Server()
    server.ready = (503, b'{"ready":false,"reason":"loading the model"}')
    server.page = page(0, 0, 0.0, (0, 0, 0), ready=0)
    watch = HealthWatch(server.ask, 0)
    health = watch.look(DEPLOYMENT)
    assert (health.live, health.ready, health.reason) == (True, False, "loading the model")
    server.down = True
    gone = watch.look(DEPLOYMENT)
    assert (gone.live, gone.ready, gone.reason) == (False, False, "no answer")


def test_nobody_is_asked_for_what_was_just_found_out() -> None:
    asked = []

    def ask(_: Deployment, path: str, _slot: int) -> tuple[int, bytes]:
        asked.append(path)
        return 200, page(10, 1, 1.0, (5, 10, 10))

    watch = HealthWatch(ask, 0)
    watch.keep_up(DEPLOYMENT)
    watch.keep_up(DEPLOYMENT)
    assert len(asked) == 2, "nobody else looks: its history is kept up"
    found = watch.look(DEPLOYMENT, within=60.0)
    assert (found.requests, len(asked)) == (10, 2), "what the last look found does as well"
    watch.look(DEPLOYMENT)
    assert len(asked) == 3
    watch.keep_up(DEPLOYMENT)
    assert len(asked) == 3, "somebody looks already"


def test_servers_are_told_together() -> None:
    pages = {1: page(10, 1, 1.0, (5, 10, 10)), 2: page(30, 3, 2.0, (0, 30, 30)), 3: b""}
    silent = {4}

    def ask(_: Deployment, path: str, slot: int) -> tuple[int, bytes]:
        if slot in silent:
            raise EngineError("no answer")
        return 200, pages[slot]

    seen = ServersSeen(restarts=2, out_of_memory=True, queued=3, errors=("boom",))
    watch = HealthWatch(ask, 0, lambda _: seen)
    health = watch.look(replace(DEPLOYMENT, slots=(1, 2, 4)))
    assert (health.requests, health.errors, health.servers, health.servers_up) == (40, 4, 3, 2)
    assert (health.restarts, health.out_of_memory, health.queued, health.last_errors) == (2, True, 3, ("boom",))
    assert health.batch == 2.0
    assert health.in_flight == 4
    assert health.ready


def test_history_is_thinned_out_with_age(tmp_path: Path) -> None:
    log = HealthLog(lambda deployment: tmp_path / deployment)
    begin = 1_800_000_000.0
    for second in range(120):
        look = Health(
            "d1", begin + second, True, True, rate=float(second), p99=0.01 * (second % 7), rss=second, cpu=None
        )
        log.add(look)
    fine = log.points("d1", begin, begin + 119)
    assert [point.rate for point in fine] == [float(second) for second in range(120)]
    assert fine[0].cpu is None
    middle = log.points("d1", begin + 119 - 7200, begin + 119)
    assert len(middle) == 12
    assert (middle[0].looks, middle[0].rate, middle[0].rss) == (10, 4.5, 9.0)
    coarse = log.points("d1", begin + 119 - 10 * 86_400, begin + 119)
    assert [point.rate for point in coarse] == [29.5, 89.5]
    assert log.points("d2", begin, begin + 10) == []
    log.add(Health("d1", begin + 3600, True, True, rate=1.0))
    assert log.points("d1", begin + 1, begin + 3600)[-1].rate == 1.0
    assert all(point.at > begin for point in log.points("d1", begin, begin + 3600)), (
        "an hour later its place is another's"
    )
    (tmp_path / "d1/1s").write_bytes(b"short")
    assert log.points("d1", begin, begin + 119) == []
