"""What every router must do: the same for HAProxy and for Lab's own forwarder, on every engine that each runs on."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.domain.ids import short_id
from lab.domain.resources import Resources
from lab.engine.base import BuildsRouters, Engine, Job, JobState, Mount
from lab.errors import EngineError
from lab.paths import LabHome
from lab.serving.forwarding import Forwarder
from lab.serving.haproxy import HAProxy
from lab.serving.routing import Backend, BackendStats, Router, RouterFolder, ask
from lab.stores import runtimes

KINDS = [
    pytest.param("docker-haproxy", marks=pytest.mark.engine),
    pytest.param("docker-forwarder", marks=pytest.mark.engine),
    "process-forwarder",
]

SERVER = """
import http.server, os, sys, time
name = sys.argv[1]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the second write of an answer waits 40 ms for the first to be told of

    def answer(self, status=200, body=None):
        body = name.encode() if body is None else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/readyz":
            return self.answer(200 if self.headers["Host"] == "localhost" else 421)
        if self.path == "/die":
            os._exit(1)
        if self.path == "/slow":
            time.sleep(1.0)
        if self.path == "/bad":
            return self.answer(500)
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            return self.wfile.write(b"5\\r\\nhello\\r\\n0\\r\\n\\r\\n")
        self.answer()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/die" and name == "a":
            os._exit(1)
        self.answer(200, body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer.request_queue_size = 256
http.server.ThreadingHTTPServer(("", int(os.environ["LAB_PORT"])), Handler).serve_forever()
"""


def wait_for(done: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A router with servers a (slot 1), b (slot 2) and c (slot 3); c is not routed to at first."""

    engine: Engine
    router: Router
    folder: RouterFolder
    port: int
    job: Job
    servers: dict[str, tuple[str, Backend, Job]]

    def backend(self, name: str, weight: int) -> Backend:
        known = self.servers[name][1]
        return Backend(known.slot, known.host, known.port, weight)

    def apply(self, **weights: int) -> None:
        backends = [self.backend(name, weight) for name, weight in weights.items()]
        self.router.write(self.folder, backends)
        self.router.apply(self.folder, backends)

    def stats(self) -> dict[int, BackendStats]:
        return {one.slot: one for one in self.router.stats(self.folder)}

    def up(self, *names: str) -> None:
        def all_up() -> bool:
            with contextlib.suppress(EngineError):
                stats = self.stats()
                slots = [self.servers[name][1].slot for name in names]
                return all(slot in stats and stats[slot].up for slot in slots)
            return False

        wait_for(all_up)

    def ask(self, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answers(self, count: int) -> Counter[str]:
        return Counter(self.ask()[1].decode() for _ in range(count))


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, engine_home: LabHome) -> Iterator[Site]:
    engine_name, _, kind = request.param.partition("-")
    engine: Engine = request.getfixturevalue(f"{engine_name}_engine")
    image: str = request.getfixturevalue(f"{engine_name}_base").image
    isolated = engine.available().isolated
    code = engine_home.runs / short_id()
    code.mkdir(parents=True)
    (code / "server.py").write_text(SERVER)
    servers = {}
    for slot, name in enumerate("abc", 1):
        port = 0 if isolated else free_port()
        job = Job(
            short_id(), image, ("python3", "/lab/code/server.py", name), {}, "/",
            (Mount(code, "/lab/code"),), Resources(memory=128 << 20), {}, port=port, link=True, restart=True,
        )  # fmt: skip
        engine.submit(job)
        servers[name] = (job.id, Backend(slot, job.id if isolated else "127.0.0.1", port or 8080, 0), job)
    router: Router = Forwarder(isolated)
    if kind == "haproxy":
        assert isinstance(engine, BuildsRouters)
        router, image = HAProxy(), engine.router_image(print)
        assert image, "HAProxy can be installed here"
    folder = RouterFolder(engine_home.deployments / short_id() / "router")
    port = free_port()
    job = router.job(short_id(), image, folder, port, runtimes.publish(engine_home))
    found = Site(engine, router, folder, port, job, servers)
    router.write(folder, [found.backend("a", 100), found.backend("b", 100)])
    engine.submit(job)
    try:
        found.up("a", "b")
        yield found
    finally:
        for job_id in (job.id, *(job_id for job_id, *_ in servers.values())):
            engine.remove(job_id)


def test_it_shares_by_weight(site: Site) -> None:
    assert 140 <= site.answers(400)["b"] <= 260, "half, six standard deviations either way if it is by lot"
    site.apply(a=180, b=20)
    assert 4 <= site.answers(400)["b"] <= 76, "a tenth"
    site.apply(a=200, b=0)
    site.answers(200)
    site.apply(a=100, b=100)
    assert 15 <= site.answers(100)["a"] <= 85, "who had nothing does not get everything until it has caught up"
    site.apply(a=180, b=20)
    before = site.stats()
    site.answers(10)
    after = site.stats()
    assert sum(one.requests for one in after.values()) == sum(one.requests for one in before.values()) + 10
    assert [after[1].weight, after[2].weight] == [180, 20]


def test_a_server_without_weight_answers_those_who_name_it(site: Site) -> None:
    site.apply(a=100, b=0, c=0)
    site.up("a", "b", "c")
    assert site.answers(20) == {"a": 20}
    assert site.ask(X_Lab_Server="3") == (200, b"c")
    assert site.ask(X_Lab_Server="2") == (200, b"b")


def test_no_name_is_asked_for_that_nothing_has(site: Site) -> None:
    """The engine would ask the resolver of this machine, and take seconds to stop a router that waits for answers."""
    if not isinstance(site.router, HAProxy):
        pytest.skip("only HAProxy asks for names by itself")
    site.apply(a=50, b=50, c=1)
    site.up("a", "b", "c")
    site.apply(a=100)
    site.engine.remove(site.servers["b"][0])
    site.engine.remove(site.servers["c"][0])

    def asked() -> dict[str, int]:
        told = ask(site.folder, "show resolvers").split("section engine")[1].split("section ")[0]
        return {name: int(count) for name, count in re.findall(r"(\w+): +(\d+)", told)}

    wait_for(lambda: site.answers(1) == {"a": 1})
    before = asked()
    wait_for(lambda: asked()["valid"] > before["valid"] + 5)
    after = asked()
    assert [after[name] - before[name] for name in ("nx", "timeout", "other", "refused")] == [0] * 4
    assert after["sent"] - before["sent"] <= after["valid"] - before["valid"] + 2, "each question has its answer"


def test_what_is_taken_is_finished_after_the_weight_is_gone(site: Site) -> None:
    slow: list[tuple[int, bytes]] = []
    site.apply(a=0, b=100)
    asking = threading.Thread(target=lambda: slow.append(site.ask("/slow")))
    asking.start()
    wait_for(lambda: site.stats()[2].in_flight == 1)
    site.apply(a=100)
    assert site.answers(10) == {"a": 10}
    asking.join()
    assert slow == [(200, b"b")]
    assert 2 not in site.stats(), "what is not named any more is forgotten"


class Clients:
    """Four clients that ask without a pause; `bad` are the answers that are not as they should be."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.bad: list[object] = []
        self.count = 0
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Wait until so many more requests have been answered."""
        before = self.count
        wait_for(lambda: self.count >= before + count)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._done.is_set():
            try:
                connection.request("POST", "/", b"x" * 100)
                answer = connection.getresponse()
                if (answer.status, answer.read()) != (200, b"x" * 100):
                    self.bad.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(error)
                connection.close()
            self.count += 1
        connection.close()


def test_no_request_is_lost_while_servers_change(site: Site) -> None:
    site.apply(a=100, b=100, c=0)
    site.up("a", "b", "c")
    with Clients(site.port) as clients:
        for weights in ({"b": 50, "c": 50}, {"c": 100}, {"a": 90, "c": 10}, {"a": 100, "b": 100}) * 2:
            site.apply(**{**dict.fromkeys("abc", 0), **weights})
            clients.more(50)
    assert clients.bad == []


def test_a_server_that_is_killed_is_no_concern_of_clients_while_another_is_up(site: Site) -> None:
    before = site.stats()[1].failures
    with Clients(site.port) as clients:
        clients.more(20)
        site.engine.remove(site.servers["a"][0])
        clients.more(100)
    # HAProxy 2.6 cannot ask again for what lay unread in the dying server's socket: at most one request of each client.
    assert len(clients.bad) <= (4 if site.router.kind == "haproxy" else 0)
    wait_for(lambda: not site.stats()[1].up)
    assert site.stats()[1].failures >= before


def test_a_server_that_comes_back_is_asked_again(site: Site) -> None:
    site.engine.stop(site.servers["a"][0], grace=0.5)
    wait_for(lambda: not site.stats()[1].up)
    assert site.answers(5) == {"b": 5}
    site.engine.remove(site.servers["a"][0])
    site.engine.submit(site.servers["a"][2])
    site.up("a", "b")
    assert set(site.answers(10)) == {"a", "b"}


def test_with_nobody_up_it_says_so_and_goes_on(site: Site) -> None:
    for job_id, *_ in site.servers.values():
        site.engine.stop(job_id, grace=0.5)
    wait_for(lambda: not any(one.up for one in site.stats().values()))
    assert site.ask()[0] == 503


def test_it_counts_what_goes_wrong(site: Site) -> None:
    before = site.stats()
    assert site.ask("/bad", X_Lab_Server="1")[0] == 500
    after = site.stats()
    assert after[1].errors_5xx == before[1].errors_5xx + 1
    assert after[2].errors_5xx == before[2].errors_5xx


def test_it_starts_again_as_it_was_told_last(site: Site) -> None:
    site.apply(c=100)
    site.up("c")
    site.engine.remove(site.job.id)
    with pytest.raises(EngineError, match="router"):
        site.router.stats(site.folder)
    site.engine.submit(site.job)
    site.up("c")
    assert site.answers(5) == {"c": 5}


def test_bodies_of_all_kinds_pass_and_large_ones_are_asked_again(site: Site) -> None:
    assert site.ask("/chunked") == (200, b"hello")
    large = bytes(range(256)) * 8000
    assert site.ask("/", "POST", large) == (200, large)
    wire = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    wire.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert _read(wire).endswith(b"abc")
    wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b" 200 " in _read(wire), "the connection is kept"
    wire.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
    _read(wire)
    wire.close()
    site.apply(a=50, b=50)
    site.up("a", "b")
    for _ in range(12):  # the first that comes to a ends it
        assert site.ask("/die", "POST", large[:60_000]) == (200, large[:60_000])


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["nonsense", "two lengths", "negative", "blank in a name", "too much"],
)
def test_what_could_be_read_in_two_ways_is_refused(site: Site, data: bytes) -> None:
    wire = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    with contextlib.suppress(ConnectionError):
        wire.sendall(data)
        said = _read(wire)
        assert said == b"" or said.split(b" ")[1] in (b"400", b"431"), said[:100]
    wire.close()
    assert site.ask()[0] == 200
    assert site.engine.status(site.job.id).state is JobState.RUNNING


def _read(wire: socket.socket) -> bytes:
    """One answer with a length, or all there is."""
    said = b""
    while piece := wire.recv(65536):
        said += piece
        head, end, body = said.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if end and lengths and len(body) >= int(lengths[0].split(b":")[1]):
            break
    return said


def test_its_socket_is_private(site: Site) -> None:
    assert (site.folder.run / "admin.sock").stat().st_mode & 0o077 == 0
