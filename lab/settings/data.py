"""`[datasets.X]` and `[remotes.X]`: which data a project has, and where copies of it are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from math import isfinite
from typing import Any

from lab.dataclass import dataclass
from lab.domain.expectations import Expectations
from lab.domain.names import check_name
from lab.errors import UsageError
from lab.settings.expect import EXPECT, read_columns
from lab.settings.schema import ANYWHERE, BOOLEAN, LINE, STRING, Table, Value, Wrong, check_count, describe

#: Automatic versions of a watched dataset that are kept.
KEEP = 20

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S.*")
_URL_PASSWORD = re.compile(r"[^:]+://[^/@]*:[^/@]+@")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

# Options that hold secrets, by the last word of their names.
_SECRET_NAMES = frozenset(
    "secret password passwd passphrase passcode pass token key apikey pkey sas credential credentials".split()
)
# What may stand in such options all the same: how to authenticate, and not with what.
_MODES = frozenset({"anon", "anonymous", "google_default", "cache", "cloud", "browser"})
_SECRET_VALUE = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS key ids
    r"|-----BEGIN "  # PEM
    r"|AccountKey=|SharedAccessKey="  # Azure connection strings
    r"|[?&]sig="  # Azure SAS
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-)[A-Za-z0-9_-]{16}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\."  # JSON web tokens
)
# 40 or more characters of one word with lower case, capitals and digits: a generated secret, not a name or a path.
_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/=_-]{40,}")
_ENVIRONMENT = (
    "keep secrets out of lab.toml: put them in the environment (AWS_SECRET_ACCESS_KEY, "
    "GOOGLE_APPLICATION_CREDENTIALS, …) or in the tool's own credentials file (~/.aws/credentials, ~/.ssh/config, …)"
)


@dataclass(frozen=True)
class DatasetSettings:
    """A named path: relative to the project, or absolute.

    `key` columns tell rows apart, `label` is the column to be predicted. `watch`ed data gets versions by itself, of
    which the last `keep` stay. `remote` is the name of one of the project's, or a URL; "" for none.
    """

    name: str
    path: str
    description: str = ""
    key: tuple[str, ...] = ()
    label: str = ""
    watch: bool = False
    remote: str = ""
    keep: int = KEEP
    expect: Expectations = field(default_factory=Expectations)


@dataclass(frozen=True)
class RemoteSettings:
    """A place for copies: an fsspec URL, and options for its file system; never secrets."""

    name: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)


def is_url(text: str) -> bool:
    return _URL.fullmatch(text) is not None


def _column(raw: Any) -> str:
    if not isinstance(raw, str) or not raw:
        raise Wrong(describe(raw))
    return raw


def _key(raw: Any) -> tuple[str, ...]:
    return (_column(raw),) if isinstance(raw, str) else read_columns(raw)


def _url(raw: Any) -> str:
    url = LINE.read(raw)
    if _URL_PASSWORD.match(url) or _SECRET_VALUE.search(url):
        raise Wrong("holds a secret", _ENVIRONMENT, plain=True)
    if not is_url(url):
        raise Wrong(describe(raw), "a folder is written file:///mnt/copies")
    return str(url)


def _remote(raw: Any) -> str:
    """A name or a URL; whether there is a remote of that name is looked at when all of the file is read."""
    text = str(LINE.read(raw))
    if "://" in text:
        return _url(raw)
    try:
        return check_name("remote", text)
    except UsageError as error:
        raise Wrong(describe(raw), error.hint) from error


def _option(raw: Any) -> Any:
    """An option's value, however deep. Raises Wrong for what looks like a secret, without repeating it."""
    match raw:
        case dict():
            for name, value in raw.items():
                _check_secret(name, value)
                _option(value)
        case list():
            for value in raw:
                _option(value)
        case str():
            if _SECRET_VALUE.search(raw) or _RANDOM.fullmatch(raw) or _URL_PASSWORD.match(raw):
                raise Wrong("looks like a secret", _ENVIRONMENT, plain=True)
        case bool() | int():
            pass
        case float() if isfinite(raw):
            pass
        case _:
            raise Wrong(describe(raw))
    return raw


def _check_secret(name: str, value: Any) -> None:
    last = [word.lower() for word in _WORDS.split(name) if word][-1:]
    if not isinstance(value, str) or not value or not _SECRET_NAMES.intersection(last):
        return
    if value.lower() in _MODES or value.startswith(("/", "~", "./")):  # a file with credentials is where they belong
        return
    raise Wrong("looks like a secret", _ENVIRONMENT, plain=True)


def _options(data: dict[str, Any]) -> dict[str, Any]:
    for name, value in data.items():
        try:
            _check_secret(name, value)
        except Wrong as error:
            raise Wrong(f"{name} {error.text}", error.hint) from error
    return data


DATASETS = Table(
    each=Table(
        {
            "path": replace(ANYWHERE, required=True),
            "description": STRING,
            "key": Value("a column, or a list of columns", _key),
            "label": Value("the name of a column", _column),
            "watch": BOOLEAN,
            "remote": Value("the name of a remote, or a URL such as s3://bucket/folder", _remote),
            "keep": Value("a number of automatic versions such as 20", lambda raw: check_count(raw, 1)),
            "expect": EXPECT,
        }
    ),
    check=lambda name: check_name("dataset", name),
)

REMOTES = Table(
    each=Table(
        {
            "url": Value("a URL such as s3://bucket/folder", _url, required=True),
            "options": Table(
                each=Value("a string, a number, true or false, a list or a table", _option), build=_options
            ),
        }
    ),
    check=lambda name: check_name("remote", name),
)
