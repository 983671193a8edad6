"""The image that routers of deployments run in: the base image with the distribution's HAProxy, found before built."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.engine.base import Progress
from lab.engine.builds import Narration, build_lock
from lab.engine.client import translated
from lab.engine.dependencies import environment_key
from lab.engine.images import INSIDE, ImageBuilder
from lab.engine.indexes import IndexSettings, index_settings
from lab.errors import EngineUnavailableError, LabError
from lab.paths import LabHome

REPOSITORY = "lab-router"

_BUILD = f"{INSIDE}/build"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")

#: Downloads and lists of packages go to a tmpfs, and proxies and certificates come from mounted files: the layer holds
#: only what was installed. Minimal bases lack the folder of apt's log.
_SCRIPT = f"""\
set -eu
. {_BUILD}/proxies
mkdir -p /var/log/apt /tmp/archives/partial /tmp/lists/partial
set -- -q -o APT::Sandbox::User=root -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \\
    -o Dir::Cache::archives=/tmp/archives -o Dir::State::lists=/tmp/lists
if [ -f {_BUILD}/bundle.pem ]; then set -- "$@" -o Acquire::https::CAInfo={_BUILD}/bundle.pem; fi
apt-get "$@" update
DEBIAN_FRONTEND=noninteractive apt-get "$@" install -y --no-install-recommends haproxy
rm -f /var/cache/apt/*.bin /var/log/apt/*
haproxy -v
"""


def router_image(home: LabHome, images: ImageBuilder, progress: Progress) -> str:
    """The image's name; "" where it cannot be made, which `progress` is told and nobody tries again for an hour."""
    try:
        with translated("the router's image cannot be made"):
            base = images.base("", "", progress)
            key = environment_key("router", base.id, base.platform, _SCRIPT)
            image = f"{REPOSITORY}:{key[:16]}"
            if images.image_id(image):
                return image
            why = images.refused_lately(image)
            if not why:
                with build_lock(home.locks, key, progress):
                    if not images.image_id(image):
                        why = _build(home, images, base.name, key, image, progress)
    except EngineUnavailableError:
        raise
    except LabError as error:
        why = error.message.splitlines()[0]
    if why:
        progress(f"no image with HAProxy ({why}): Lab's own forwarder routes instead")
        return ""
    return image


def _build(home: LabHome, images: ImageBuilder, base_name: str, key: str, image: str, progress: Progress) -> str:
    """Why it failed, or ""."""
    progress(f"installing HAProxy into {image}")
    settings = index_settings(os.environ, inside=True)
    base = images.base(base_name, "", progress)
    narration = Narration(lambda _line: None)
    with _folder(home, settings) as folder:
        network = "host" if settings.loopback else "bridge"
        done = images.install(base, key, image, ["sh", f"{_BUILD}/router.sh"], folder, network, narration)
    if done:
        return ""
    why = narration.last or "the installation failed"
    images.note_refusal(image, why)
    return why


@contextmanager
def _folder(home: LabHome, settings: IndexSettings) -> Iterator[Path]:
    """What the script reads; gone afterwards, since proxies may have passwords."""
    home.build_cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="router-", dir=home.build_cache) as name:
        folder = Path(name)
        (folder / "router.sh").write_text(_SCRIPT)
        with open(os.open(folder / "proxies", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(_exports(settings.env))
        if settings.bundle:
            shutil.copyfile(settings.bundle, folder / "bundle.pem")
        yield folder


def _exports(env: Mapping[str, str]) -> str:
    found = {name.lower(): value for name, value in env.items() if name.lower() in _PROXIES}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items())
