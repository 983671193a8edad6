from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.domain.resources import Resources
from lab.engine.base import Job, Mount
from lab.engine.hardening import NOBODY, container_config, job_user


def config(**changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "id": "j1",
        "image": "image",
        "command": ["python3", "-c", "pass"],
        "env": {"A": "1"},
        "workdir": "/lab/code",
        "mounts": [Mount(Path("/home/x"), "/lab/run", read_only=False), Mount(Path("/home/y"), "/lab/code")],
        "resources": Resources(),
        "labels": {"lab.run": "r"},
        **changes,
    }
    return container_config(Job(**settings), (1000, 1000), {"lab.home": "h"}, "servers")


@pytest.mark.parametrize(
    ("host", "rootless", "expected"),
    [
        ((1000, 1001), False, (1000, 1001)),
        ((0, 0), False, (NOBODY, NOBODY)),
        ((0, 5), False, (NOBODY, NOBODY)),
        ((1000, 1000), True, (0, 0)),
    ],
)
def test_a_job_never_runs_as_the_hosts_root(host: tuple[int, int], rootless: bool, expected: tuple[int, int]) -> None:
    assert job_user(*host, rootless=rootless) == expected


def test_the_defaults_are_closed() -> None:
    host = config()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert "CapAdd" not in host
    assert not host.get("Privileged")
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert host["NetworkMode"] == "none"
    assert host["AutoRemove"] is False
    assert host["Memory"] == host["MemorySwap"] == Resources().memory
    assert host["PidsLimit"] == Resources().pids
    assert host["RestartPolicy"] == {"Name": "no"}
    assert "DeviceRequests" not in host
    assert [mount["ReadOnly"] for mount in host["Mounts"]] == [False, True]
    assert config()["User"] == "1000:1000"


@pytest.mark.parametrize(
    ("network", "port", "mode"),
    [(False, 0, "none"), (True, 0, "bridge"), (False, 8000, "servers"), (True, 8000, "bridge")],
)
def test_networks(network: bool, port: int, mode: str) -> None:
    made = config(network=network, port=port)
    assert made["HostConfig"]["NetworkMode"] == mode
    bindings = made["HostConfig"].get("PortBindings", {})
    assert bindings == ({"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]} if port else {})
    assert ("LAB_PORT=8080" in made["Env"]) is bool(port)


def test_an_images_own_entry_point_is_not_in_the_way() -> None:
    made = config()
    assert (made["Entrypoint"], made["Cmd"]) == (["python3"], ["-c", "pass"])


def test_the_jobs_environment_wins() -> None:
    assert "HOME=/tmp" in config()["Env"]
    assert "HOME=/lab/run" in config(env={"HOME": "/lab/run"})["Env"]


def test_the_engines_labels_win() -> None:
    assert config(labels={"lab.home": "forged", "x": "y"})["Labels"] == {"lab.home": "h", "x": "y"}


def test_resources_are_asked_for() -> None:
    host = config(resources=Resources(cpus=1.5, memory=64 << 20, gpus=-1, shm=5, pids=9), restart=True)["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["ShmSize"], host["PidsLimit"]) == (1_500_000_000, 64 << 20, 5, 9)
    assert host["DeviceRequests"] == [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]
    assert host["RestartPolicy"] == {"Name": "unless-stopped"}
    assert host["Tmpfs"]["/tmp"].endswith(f"size={32 << 20}")
