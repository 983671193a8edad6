"""The two networks that Lab makes in a Docker engine, each at first need."""

from __future__ import annotations

from typing import Any

import docker.errors

#: For jobs with a published port: no masquerading, so that the port works but nothing gets out, and no talk among them.
LOOPBACK = "lab-loopback"
#: The beginning of the name of a home's network for jobs that talk with each other, and with nobody else.
LINK = "lab-link"

_LABEL = "lab.network"
_OPTIONS = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.enable_icc": "false",
}


class Networks:
    """Finds or makes them. Two processes may make one at once; the oldest is everybody's."""

    def __init__(self, home_id: str) -> None:
        self._link = f"{LINK}-{home_id[:8]}"
        self._known: dict[str, str] = {}

    def get(self, api: Any, kind: str) -> str:
        """The id of the network of `kind`, as last known."""
        return self._known.get(kind) or self.again(api, kind)

    def again(self, api: Any, kind: str) -> str:
        """The id as the engine has it now."""
        name = self._link if kind == LINK else kind
        if not _ids(api, name):
            if kind == LINK:
                api.create_network(name, driver="bridge", check_duplicate=True, internal=True, labels={_LABEL: "1"})
            else:
                api.create_network(name, driver="bridge", check_duplicate=True, options=_OPTIONS, labels={_LABEL: "1"})
        self._known[kind] = _ids(api, name)[0]
        return self._known[kind]

    def tidy(self, api: Any) -> None:
        """Remove the home's own network when nobody is on it any more: an engine has room for some thirty."""
        if LINK not in self._known and not _ids(api, self._link):
            return
        for network in _ids(api, self._link):
            try:
                api.remove_network(network)
            except docker.errors.APIError as error:
                if error.status_code not in (403, 404):  # somebody is on it; somebody was quicker
                    raise
        self._known.pop(LINK, None)


def _ids(api: Any, name: str) -> list[str]:
    """The ids of the networks of that name, oldest first."""
    found = [network for network in api.networks(names=[name]) if network["Name"] == name]
    return [str(network["Id"]) for network in sorted(found, key=lambda network: str(network["Created"]))]
