"""The `lab.toml` that `lab init` writes: what was found in the folder, and the rest as comments."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.dataclass import dataclass
from lab.domain.runs import Param
from lab.settings.arguments import arguments, read_source
from lab.settings.project import legal_name
from lab.settings.writing import toml_key, toml_string, toml_strings

_TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
_DATA_FOLDERS = ("data", "dataset", "datasets")
_FIRST = ("train.py", "main.py")
_NOT_ENTRIES = re.compile(r"test_.*|.*_test\.py|conftest\.py|setup\.py|noxfile\.py")
_MAIN = re.compile(r"""^if\s+__name__\s*==\s*['"]__main__['"]""", re.MULTILINE)
_A_FEW = 5
_LISTED_MAX = 10_000  # entries of a folder that are looked at


@dataclass(frozen=True)
class _Dataset:
    name: str
    path: str


@dataclass(frozen=True)
class _Script:
    name: str
    path: str
    text: str


def render_template(folder: Path) -> str:
    """A commented `lab.toml` for `folder` with the datasets and entry points found in it; `load_project` accepts it."""
    root = folder.absolute()
    datasets = _datasets(root)
    scripts = _scripts(root)
    parts = [
        f"# What Lab knows about this project.\n[project]\nname = {toml_string(legal_name(root.name, 'project'))}",
        "# Data that runs may read. Lab keeps versions of it; a script finds its one with track.data(NAME).",
        *([f"[datasets.{toml_key(item.name)}]\npath = {toml_string(item.path)}" for item in datasets[:-1]]),
        _last_dataset(datasets[-1]) if datasets else _NO_DATASETS,
        _REMOTES,
        "# What can be run: `lab run NAME -p key=value`.",
        *([_entry(script, datasets) for script in scripts] or [_NO_ENTRIES]),
        _image(root),
        _RESOURCES,
        _METRICS,
        _CODE,
        _RETENTION,
        _DEPLOY,
    ]
    return "\n\n".join(parts) + "\n"


_DATASET = """\
# description = "one row per sale"
# key = "id"                  # tells rows apart; a list for several columns
# label = "target"            # what is to be predicted
# watch = true                # a version whenever it changes;
# keep = 20                   # so many of those stay
# remote = "copies"
#
# What must hold of it: see also `lab data expect --infer`.
# [datasets.{name}.expect]
# schema = "strict"           # the columns of the version before; or "subset", or {{ id = "int" }}
# rows = {{ min = 1000 }}
# freshness = "24h"
# columns.id = {{ not_null = true, unique = true }}
# columns.amount = {{ range = [0, 1e6], not_null = 0.01, severity = "warn" }}
# columns.country = {{ values = ["CH", "DE"] }}
# drift = {{ psi = 0.2, against = "baseline", action = "warn" }}"""

_NO_DATASETS = f"""\
# [datasets.sales]
# path = "data/sales.csv"
{_DATASET.format(name="sales")}"""

_REMOTES = """\
# Where copies of data are kept. Secrets do not belong here: they come from the environment.
# [remotes.copies]
# url = "s3://bucket/lab"      # or file:///mnt/nas/lab
# options = { anon = false }"""

_NO_ENTRIES = """\
# [entries.train]
# command = "python train.py --lr {lr}"   # or {params}: --name value of each; {overrides}: name=value
# datasets = ["sales"]
# network = false
#
# [entries.train.params]
# lr = 0.1"""

_RESOURCES = """\
# What one run may use. An entry can have its own under [entries.NAME.resources].
[resources]
memory = "2g"
# cpus = 2
# gpus = "all"
# shm = "256m"
# pids = 512"""

_METRICS = """\
# Metrics come from track.log, from what MLflow, W&B, TensorBoard and others write, and from what is printed
# (`loss: 0.3`, `epoch 3 acc=0.9`, JSON lines), the last only in runs that do not use track.log.
# An entry can have its own under [entries.NAME.metrics].
# [metrics]
# stdout = true
# tools = true
# ignore = ["lr"]
# patterns = ['gen (?P<step>\\d+): fitness (?P<fitness>\\S+)']   # in place of the built-in ones"""

_CODE = """\
# Every run keeps a snapshot of the project's code. Data does not belong in it.
# [code]
# ignore = ["*.ckpt", "outputs/"]
# max_file = "10m"
# max_total = "200m\""""


_RETENTION = """\
# Which runs `lab runs prune` leaves whole; it tells first, and moves to the trash what nothing here keeps.
# [retention]
# best = { accuracy = 3 }        # so many of the best runs of each entry
# last = 10                      # and of the latest
# younger = "14d"
# tagged = true
# starred = true
# drop = "checkpoints"           # or whole "runs"
# checkpoints = ["*.ckpt", "*.pt"]"""

_DEPLOY = """\
# How `lab deploy` replaces a model version that serves; the new one must keep to the budget, or the old one stays.
# [deploy]
# strategy = "blue-green"        # or "canary", "shadow", "recreate"
# canary = 10                    # percent of the requests, for so long:
# hold = "60s"
# mirror = "60s"                 # a shadow answers copies of live requests for so long; without, captured ones
# warm = "10m"                   # how long the old one can be gone back to at once
# replicas = 2
# idle = "10m"                   # let a model leave memory when nobody asks; the next request waits for it
# token = false                  # answer everybody on this machine
# budget = { p99 = "500ms", memory = 0.9, disagreement = 0.25, errors = 0.0, p95_ratio = 1.5 }
# [deploy.server]
# unseen = "count"               # categories that training never saw: or "warn", "reject"
# outside = "count"              # values beyond the range of training
# missing = "reject"
# capture = 0.1                  # the share of requests that is kept to replay; 0 keeps none
# capture_size = "64m"
# capture_days = 30
# exact = false                  # true: only the model's own numbers, to the last bit"""


def _last_dataset(dataset: _Dataset) -> str:
    """A dataset, with what else can be said of one as comments."""
    name = toml_key(dataset.name)
    return f"[datasets.{name}]\npath = {toml_string(dataset.path)}\n{_DATASET.format(name=name)}"


def _entry(script: _Script, datasets: Sequence[_Dataset]) -> str:
    used = [item.name for item in datasets if _mentions(script.text, item)]
    known = arguments(script.text)
    words = " ".join([shlex.join(["python", script.path]), *([known.word] if known.word else [])])
    lines = [f"[entries.{toml_key(script.name)}]", f"command = {toml_string(words)}"]
    lines.append(f"datasets = {toml_strings(used)}" if used else "# datasets = []")
    name = toml_key(script.name)
    lines += ["# network = true", ""]
    lines += [f"[entries.{name}.params]"] if known.params else [f"# [entries.{name}.params]", "# lr = 0.1"]
    lines += [f"{toml_key(param)} = {_toml(value)}" for param, value in known.params.items()]
    lines += [
        "",
        f"# [[entries.{name}.guards]]",
        '# when = "isnan(loss)"',
        '# do = "stop"               # or "notify", "mark"',
    ]
    return "\n".join(lines)


def _toml(value: Param) -> str:
    return toml_string(value) if isinstance(value, str) else repr(value)


def _mentions(text: str, dataset: _Dataset) -> bool:
    words = {dataset.name, dataset.path, dataset.path.rpartition("/")[2]}
    return any(re.search(rf"""['"/]{re.escape(word)}['"/]""", text) for word in words)


def _image(root: Path) -> str:
    lines = [
        "# What runs are installed with. Without requirements: uv.lock, pyproject.toml, requirements.txt",
        "# or environment.yml, whichever is there.",
        "[image]",
        '# base = "python:3.12-slim"',
        '# python = "3.12"',
    ]
    found = (root / "requirements.txt").is_file()
    lines.append(("" if found else "# ") + 'requirements = "requirements.txt"')
    return "\n".join(lines)


def _datasets(root: Path) -> list[_Dataset]:
    """Table files at the top and in data folders, folders inside data folders; else a data folder as a whole."""
    paths = [name for name, folder in _listing(root) if not folder and name.lower().endswith(_TABLES)]
    for data in _DATA_FOLDERS:
        inside = _listing(root / data)
        found = [f"{data}/{name}" for name, folder in inside if folder or name.lower().endswith(_TABLES)]
        paths += found if found or not inside else [data]
    return [_Dataset(name, path) for name, path in _named(paths[:_A_FEW], "data")]


def _scripts(root: Path) -> list[_Script]:
    names = [name for name, folder in _listing(root) if not folder and name.endswith(".py")]
    ordered = sorted(names, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    scripts: list[tuple[str, str]] = []
    for name in ordered:
        if len(scripts) < _A_FEW and not _NOT_ENTRIES.fullmatch(name):
            text = _read(root / name)
            if name in _FIRST or _MAIN.search(text):
                scripts.append((name, text))
    named = _named([name for name, _ in scripts], "main")
    return [_Script(entry, path, text) for (entry, path), (_, text) in zip(named, scripts, strict=True)]


def _named(paths: Iterable[str], default: str) -> list[tuple[str, str]]:
    """(legal unique name, path) of each path."""
    taken: dict[str, str] = {}
    for path in paths:
        stem = legal_name(Path(path).stem, default)[:58]
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken[name] = path
    return list(taken.items())


def _listing(folder: Path) -> list[tuple[str, bool]]:
    """(name, is a folder) of what is visible in `folder` and can be written in TOML, sorted; [] if unreadable."""
    found: list[tuple[str, bool]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith((".", "_")) and entry.name.isprintable():
                    found.append((entry.name, entry.is_dir()))
                if len(found) >= _LISTED_MAX:
                    break
    except OSError:
        return []
    return sorted(found)


def _read(path: Path) -> str:
    try:
        return read_source(path) if path.is_file() else ""
    except OSError:
        return ""
