"""How this machine reaches package indexes: pip's and uv's settings, proxies and the bundle of trusted certificates.

People sit behind company mirrors and proxies. What pip or uv would use on the host, the installer uses too, told
to it in a file beside the dependency files and never in an image's layers, environment or history.
"""

from __future__ import annotations

import configparser
import os
import re
import ssl
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.dataclass import dataclass

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_PIP_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "timeout", "proxy", "cert")
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")


@dataclass(frozen=True)
class IndexSettings:
    """`env` for pip and uv; `bundle` the certificates to trust, `netrc` the file of logins, where there are any.

    `notes` say what could not be taken along; `loopback` that something listens on this machine's loopback address.
    """

    env: Mapping[str, str]
    bundle: Path | None
    netrc: Path | None
    notes: tuple[str, ...]
    loopback: bool


def hide_credentials(line: str) -> str:
    """`line` without user names and passwords in URLs."""
    return _CREDENTIALS.sub("***@", line)


def index_settings(environ: Mapping[str, str], *, inside: bool) -> IndexSettings:
    """The host's settings as environment variables for pip and uv.

    With `inside` they are for a container: folders of this machine are left out, with a note for each.
    """
    pip = _pip_settings(environ)
    uv = _uv_settings(environ)
    default = _first(uv.get("default"), environ.get("UV_DEFAULT_INDEX"), environ.get("UV_INDEX_URL"), pip["index-url"])
    extra = _words(uv.get("extra"), environ.get("UV_INDEX"), environ.get("UV_EXTRA_INDEX_URL"), pip["extra-index-url"])
    links = _words(environ.get("UV_FIND_LINKS", "").replace(",", " "), pip["find-links"])
    notes: list[str] = []
    if inside:
        extra, skipped_extra = _split_local(extra)
        links, skipped_links = _split_local(links)
        notes = [f"{path} is a folder of this machine: not used inside" for path in skipped_extra + skipped_links]
    env: dict[str, str] = {
        name: value
        for name, value in environ.items()
        if (name.startswith("UV_INDEX_") and name.endswith(("_USERNAME", "_PASSWORD"))) or name.lower() in _PROXIES
    }
    if pip["proxy"]:
        env.setdefault("HTTPS_PROXY", pip["proxy"])
        env.setdefault("HTTP_PROXY", pip["proxy"])
    _put(env, default, "PIP_INDEX_URL", "UV_DEFAULT_INDEX")
    _put(env, " ".join(word.partition("=")[2] if _named(word) else word for word in extra), "PIP_EXTRA_INDEX_URL")
    _put(env, " ".join(extra), "UV_INDEX")
    _put(env, " ".join(links), "PIP_FIND_LINKS")
    _put(env, ",".join(links), "UV_FIND_LINKS")
    _put(
        env,
        " ".join(_words(pip["trusted-host"], environ.get("UV_INSECURE_HOST"))),
        "PIP_TRUSTED_HOST",
        "UV_INSECURE_HOST",
    )
    _put(env, environ.get("UV_HTTP_TIMEOUT") or pip["timeout"], "PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT")
    if extra:
        # As pip has it: the best version of all indexes, not the first index that knows the name.
        env["UV_INDEX_STRATEGY"] = environ.get("UV_INDEX_STRATEGY", "unsafe-best-match")
    if pip["no-index"].lower() in ("1", "true", "yes", "on"):
        _put(env, "1", "PIP_NO_INDEX", "UV_NO_INDEX")
    urls = [default, *extra, *links, *(value for name, value in env.items() if name.lower().endswith("_proxy"))]
    netrc = Path(environ.get("NETRC") or Path.home() / ".netrc")
    return IndexSettings(
        env,
        _bundle(environ, pip["cert"]),
        netrc if netrc.is_file() else None,
        tuple(notes),
        any(_host(url).startswith(_LOOPBACK) for url in urls),
    )


def _put(env: dict[str, str], value: str, *names: str) -> None:
    if value:
        env.update(dict.fromkeys(names, value))


def _first(*values: str | None) -> str:
    return next((value for value in values if value), "")


def _words(*values: str | None) -> list[str]:
    return list(dict.fromkeys(word for value in values if value for word in value.split()))


def _named(word: str) -> bool:
    """Whether `word` is uv's `name=url`."""
    return re.match(r"[\w-]+=\w+:", word) is not None


def _split_local(words: list[str]) -> tuple[list[str], list[str]]:
    """(addresses, folders of this machine)."""
    local = [word for word in words if "://" not in word or "file://" in word]
    return [word for word in words if word not in local], local


def _host(url: str) -> str:
    address = url.partition("=")[2] if _named(url) else url
    return urlsplit(address if "://" in address else f"//{address}").hostname or ""


def _bundle(environ: Mapping[str, str], configured: str) -> Path | None:
    """The first that exists: pip's setting, the usual variables, the system's own store (companies add theirs)."""
    paths = ssl.get_default_verify_paths()
    named = [environ.get(name) for name in _CA_VARIABLES]
    for candidate in (*named[:1], configured, *named[1:], paths.cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def _pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings by their long names: from its files, later ones first beaten, then from PIP_* variables."""
    found = dict.fromkeys(_PIP_KEYS, "")
    for path in _pip_files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
        except (configparser.Error, UnicodeDecodeError, PermissionError):
            continue  # pip itself will tell
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {key: value for key, value in parser.items(section) if key in found}
    for key in _PIP_KEYS:
        variable = "PIP_DEFAULT_TIMEOUT" if key == "timeout" else f"PIP_{key.upper().replace('-', '_')}"
        found[key] = environ.get(variable, found[key])
    return found


def _pip_files(environ: Mapping[str, str]) -> list[Path]:
    home = Path.home()
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), Path("/Library/Application Support/pip/pip.conf")]
    files += [home / ".pip/pip.conf", config / "pip/pip.conf", home / "Library/Application Support/pip/pip.conf"]
    files.append(Path(sys.prefix) / "pip.conf")
    chosen = environ.get("PIP_CONFIG_FILE", "")
    return [] if chosen == os.devnull else [*files, Path(chosen)] if chosen else files


def _uv_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """`default` and `extra` indexes in the user's or machine's `uv.toml`; the user's wins."""
    config = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    candidates = (Path(environ["UV_CONFIG_FILE"]),) if environ.get("UV_CONFIG_FILE") else ()
    for path in (*candidates, config / "uv/uv.toml", Path("/etc/uv/uv.toml")):
        if path.is_file():
            try:
                return _uv_indexes(tomllib.loads(path.read_text()))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, PermissionError):
                return {}  # uv itself will tell
    return {}


def _uv_indexes(settings: Mapping[str, Any]) -> dict[str, str]:
    tables = [table for table in settings.get("index", ()) if not table.get("explicit")]
    default = [str(table["url"]) for table in tables if table.get("default")] or [str(settings.get("index-url", ""))]
    extra = [
        f"{table['name']}={table['url']}" if table.get("name") else str(table["url"])
        for table in tables
        if not table.get("default")
    ]
    extra += [str(url) for url in settings.get("extra-index-url", ())]
    return {"default": default[0], "extra": " ".join(extra)}
