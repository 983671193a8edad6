"""`lab web`: who gets in, and the app in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from browser import CHROMIUM, chromium
from seeding import Seed

from lab.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
_PAINTED = "document.body.classList.contains('-first-byte')"
_ENDED = "document.body.classList.contains('-closed')"


@dataclass(frozen=True)
class Served:
    url: str
    port: int
    process: asyncio.subprocess.Process

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]


@asynccontextmanager
async def served(home: Path, project: Path, *options: str) -> AsyncIterator[Served]:
    """`lab web` as a process of its own, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-m", "lab", "--home", str(home), "web", "--json", "--port", str(port), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=project, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LAB_ENGINE": "process"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 60.0))
        yield Served(told["url"], told["port"], process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30.0)


async def status(session: aiohttp.ClientSession, url: str, **headers: str) -> int:
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def test_only_who_has_the_address_gets_in(seed: Seed, project: Path) -> None:
    async with served(seed.root, project) as lab, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        assert len(lab.token) >= 43
        for path in (
            "",
            "?token=wrong",
            f"?token={lab.token[:-1]}",
            "static/js/textual.js",
            "page.js",
            "ws",
            "download/x",
        ):
            assert await status(session, lab.place + path) == 403, path
        async with session.get(lab.url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        name = {"Cookie": cookie.partition(";")[0]}
        assert await status(session, lab.place, **name) == 200
        assert await status(session, f"{lab.place}static/js/textual.js", **name) == 200
        assert await status(session, f"{lab.place}static/", **name) == 403, "no listing of folders"
        assert await status(session, lab.url, Host=f"evil.example:{lab.port}") == 421
        assert await status(session, lab.place, Origin="http://evil.example", **name) == 403
        assert await status(session, f"{lab.place}ws", **name) == 403, "no browser's page leaves out where it is from"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"ws://127.0.0.1:{lab.port}/ws", headers=name, origin="http://evil.example")
        assert refused.value.status == 403


def listening(port: int) -> set[str]:
    """The addresses that this machine listens at on a port, as the kernel writes them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    places = [line.split()[1].split(":") for line in lines if line.split()[3] == "0A"]
    return {address for address, number in places if int(number, 16) == port}


async def test_it_listens_on_loopback_only_and_refuses_a_taken_port(seed: Seed, project: Path) -> None:
    async with served(seed.root, project) as lab:
        assert listening(lab.port) == {"0100007F"}, "127.0.0.1"
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lab", "--home", str(seed.root), "web", "--port", str(lab.port),
            cwd=project, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        _, said = await asyncio.wait_for(second.communicate(), 60.0)
        assert second.returncode == 4
        assert "is taken" in said.decode()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_keys_work_in_a_real_browser(seed: Seed, project: Path, tmp_path: Path) -> None:
    seed.run("run-0", files=False)
    async with served(seed.root, project) as lab, chromium(tmp_path) as page:
        await page.go(lab.url)
        await page.until(_PAINTED)
        assert await page.value("location.href") == lab.place, "the token is out of the address"
        assert await page.value("document.cookie") == "", "no script reads it"
        await page.press("3")
        with Workspace(seed.root, project) as ws:
            for _ in range(200):  # until the screen is there and takes the key
                if ws.runs.get("run-0").starred:
                    break
                await page.press("b")
                for _ in range(20):
                    ws.refresh()
                    if ws.runs.get("run-0").starred:
                        break
                    await asyncio.sleep(0.05)
            assert ws.runs.get("run-0").starred
        await page.press("q")
        await page.until(_ENDED)
        assert {url.split("/")[2] for url in page.requests if not url.startswith("data:")} == {f"127.0.0.1:{lab.port}"}


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_wrong_token_opens_nothing_and_read_only_stays_so(seed: Seed, project: Path, tmp_path: Path) -> None:
    seed.run("run-0", files=False)
    async with served(seed.root, project, "--readonly") as lab, chromium(tmp_path) as page:
        await page.go(f"{lab.place}?token=wrong")
        await page.until("document.body?.innerText ?? ''", lambda text: "with its token" in text)
        await page.go(lab.url)
        await page.until(_PAINTED)
        await page.press("3", "b", "b", "b", "q")
        await page.until(_ENDED)
        with Workspace(seed.root, project) as ws:
            assert not ws.runs.get("run-0").starred
