"""Installs an environment: run as a script, by an interpreter that has nothing but the standard library.

    python installer.py FOLDER

FOLDER holds `plan.json`, the dependency files in `files/`, and `bundle.pem` and `netrc` where the host has them. The
Docker engine runs this inside a container, the process engine on the host. Everything that pip and uv say goes to
standard output; the exit code is 0 when the environment is whole.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path


def run(command: list[str], env: dict[str, str], cwd: Path) -> bool:
    sys.stdout.flush()
    done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def environment(folder: Path, plan: dict[str, str], settings: dict[str, str]) -> dict[str, str]:
    """What pip and uv run with: the host's index settings, and caches outside of the result."""
    cache = Path(plan["cache"])
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
    env |= settings
    env |= {
        "PIP_CACHE_DIR": str(cache / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "UV_CACHE_DIR": str(cache / "uv"),
        "UV_COMPILE_BYTECODE": "1",  # the container's root is read-only: nothing could be compiled later
        "UV_LINK_MODE": "copy",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": plan["venv"],
    }
    bundle, netrc = folder / "bundle.pem", folder / "netrc"
    if bundle.exists():
        env |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), str(bundle))
        env.pop("SSL_CERT_DIR", None)
    if netrc.exists():
        env["NETRC"] = str(netrc)
    return env


def find_uv(plan: dict[str, str], env: dict[str, str]) -> str:
    """uv from the host's path, or from the cache, where it is put at first need; "" when it cannot be had."""
    if plan["uv"]:
        return plan["uv"]
    tools = (
        Path(plan["cache"]) / "tools" / f"{sys.platform}-{platform.machine()}-{'-'.join(platform.libc_ver()) or 'libc'}"
    )
    uv = tools / "bin" / "uv"
    if uv.exists():
        return str(uv)
    say("getting uv")
    tools.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools.parent) as scratch:
        place = Path(scratch)
        ready = run([sys.executable, "-m", "venv", str(place / "venv")], env, place) and run(
            [str(place / "venv/bin/python"), "-m", "pip", "install", "-q", "--target", str(place / "tools"), "uv"],
            env,
            place,
        )
        if not ready:
            return ""
        try:
            (place / "tools").rename(tools)
        except OSError:
            if not uv.exists():  # else another build was quicker
                raise
    return str(uv)


def install(folder: Path, plan: dict[str, str], env: dict[str, str]) -> bool:
    uv = find_uv(plan, env)
    files, venv = folder / "files", Path(plan["venv"])
    shared = ["--system-site-packages"] if plan["shared"] else []
    if not uv:
        if plan["kind"] != "requirements":
            say(f"uv cannot be installed, and {plan['source']} needs it")
            return False
        say("uv cannot be installed: using pip")
        return run([plan["python"], "-m", "venv", *shared, str(venv)], env, files) and run(
            [str(venv / "bin/python"), "-m", "pip", "install", "-r", "requirements.txt"], env, files
        )
    if not run([uv, "venv", "-q", "--relocatable", *shared, "--python", plan["python"], str(venv)], env, files):
        return False
    if plan["kind"] == "lock":
        return run([uv, "sync", "--frozen", "--no-dev", "--no-install-workspace"], env, files)
    source = "pyproject.toml" if plan["kind"] == "project" else "requirements.txt"
    return run([uv, "pip", "install", "--python", str(venv / "bin/python"), "-r", source], env, files)


def main() -> int:
    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text())
    settings = plan.pop("settings")
    env = environment(folder, plan, settings)
    plan["python"] = plan["python"] or sys.executable
    with tempfile.TemporaryDirectory() as scratch:
        return 0 if install(folder, plan, env | {"HOME": scratch, "TMPDIR": scratch}) else 1


if __name__ == "__main__":
    sys.exit(main())
