"""What a job may do inside its container. One pure function, so that the rules can be read and tested in one place.

The rules: no root, no capabilities, no new privileges, a read-only root file system, an init that reaps, limits on
memory (no swap beyond), processors and processes, no core dumps, bounded engine logs, no network
for training, and published ports on the loopback address alone. Measured, they cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.engine.base import Job

#: Who a job runs as when the host user is root.
NOBODY = 65532

_TMP_CEILING = 2 * 1024**3


def job_user(uid: int, gid: int, *, rootless: bool = False) -> tuple[int, int]:
    """The (uid, gid) of a job's processes for a host user `uid`:`gid`.

    The same numbers, so that the files it writes are the user's own; never root, who would still be root on the
    host. A rootless engine maps its root to the host user, who is then the only one that may write the user's files.
    """
    if rootless:
        return 0, 0
    return (uid, gid) if uid != 0 else (NOBODY, NOBODY)


def container_config(job: Job, user: tuple[int, int], labels: Mapping[str, str], network: str) -> dict[str, Any]:
    """`job` as the body of the Docker API's container creation.

    `network` is the one for jobs with a published port, or else a link, and no network of their own. On it the job is
    known by its id.
    """
    env = {"HOME": "/tmp", "PYTHONUNBUFFERED": "1", **job.env}
    port = f"{job.container_port}/tcp"
    if job.port or job.link:
        env["LAB_PORT"] = str(job.container_port)
    config: dict[str, Any] = {
        "Image": job.image,
        # The entry point too, so that one of the image's own is not put before it.
        "Entrypoint": [job.command[0]],
        "Cmd": list(job.command[1:]),
        "Env": [f"{name}={value}" for name, value in env.items()],
        "User": f"{user[0]}:{user[1]}",
        "WorkingDir": job.workdir,
        "Labels": {**job.labels, **labels},
        "HostConfig": _host_config(job, network),
    }
    if job.port:
        config["ExposedPorts"] = {port: {}}
        config["HostConfig"]["PortBindings"] = {port: [{"HostIp": "127.0.0.1", "HostPort": str(job.port)}]}
    elif job.link:
        config["NetworkingConfig"] = {"EndpointsConfig": {network: {"Aliases": [job.id]}}}
    return config


def _host_config(job: Job, network: str) -> dict[str, Any]:
    resources = job.resources
    config: dict[str, Any] = {
        "AutoRemove": False,  # it would lose the exit code
        "CapDrop": ["ALL"],
        "Init": True,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
        "Memory": resources.memory,
        "MemorySwap": resources.memory,
        "Mounts": [
            {"Type": "bind", "Source": str(mount.source), "Target": mount.target, "ReadOnly": mount.read_only}
            for mount in job.mounts
        ],
        "NetworkMode": "bridge" if job.network else network if job.port or job.link else "none",
        "PidsLimit": resources.pids,
        "ReadonlyRootfs": True,
        # The engine's own pauses between restarts double from 0.1 s to a minute, until one lives for ten seconds.
        "RestartPolicy": {"Name": "unless-stopped" if job.restart else "no"},
        "SecurityOpt": ["no-new-privileges"],
        "ShmSize": resources.shm,
        # Executable: compilers at run time (numba, torch) load what they write there, and the job may
        # execute what it writes to its run folder in any case.
        "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={_tmp_size(resources.memory)}"},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
    }
    if resources.cpus:
        config["NanoCpus"] = round(resources.cpus * 1e9)
    if resources.gpus:
        config["DeviceRequests"] = [{"Driver": "", "Count": resources.gpus, "Capabilities": [["gpu"]]}]
    return config


def _tmp_size(memory: int) -> int:
    """Bytes of /tmp. It counts as the job's memory, so half of that is a limit met before the kernel kills."""
    return min(memory // 2, _TMP_CEILING) if memory else _TMP_CEILING
