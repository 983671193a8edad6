from __future__ import annotations

import math
import time

from lab.domain.deployments import Deployment, DeploymentStatus
from lab.domain.exposition import parse, quantile
from lab.errors import EngineError
from lab.monitoring.health import HealthWatch

DEPLOYMENT = Deployment("d1", "digits", "digits", 1, "", DeploymentStatus.READY, "process", 1, "", 0.0)


def page(requests: int, errors: int, cpu: float, buckets: tuple[int, int, int]) -> bytes:
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

    def ask(self, deployment: Deployment, path: str) -> tuple[int, bytes]:
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
    watch = HealthWatch(server.ask, 0)
    health = watch.look(DEPLOYMENT)
    assert (health.live, health.ready, health.reason) == (True, False, "loading the model")
    server.down = True
    gone = watch.look(DEPLOYMENT)
    assert (gone.live, gone.ready, gone.reason) == (False, False, "no answer")
