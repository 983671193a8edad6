import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.domain.guards import Guard
from lab.domain.resources import Resources
from lab.errors import LabError, NotFoundError, SettingsError
from lab.settings import (
    CodeSettings,
    ImageSettings,
    ProjectSettings,
    UserSettings,
    find_project,
    load_project,
    render_template,
    settings_for_script,
    user_settings,
)
from lab.settings.lines import Lines

FULL = """\
[project]
name = "digits"

[datasets.sales]
path = "data/../data/sales.csv"
description = "one row per sale"
[datasets."far.away"]
path = "/mnt/data"

[entries.train]
command = "python 'my train.py' --lr 0.1"
datasets = ["sales", "far.away"]
workdir = "src"
network = true
[entries.train.params]
lr = 0.1
layers = 3
name = "a b"
"opt.nesterov" = true
[entries.train.resources]
memory = "4g"
gpus = "all"
[entries.eval]
command = ["python", "-m", "eval"]

[image]
base = "python:3.12-slim"
requirements = "requirements.txt"
python = "3.12"

[resources]
cpus = 1.5
memory = "512m"
gpus = 1
shm = "64m"
pids = 100

[code]
ignore = ["*.ckpt"]
max_file = 1000
max_total = "1m"
"""


def load(folder: Path, text: str | bytes) -> ProjectSettings:
    (folder / "lab.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_project(folder)


def test_everything(tmp_path: Path) -> None:
    project = load(tmp_path, FULL)
    assert (project.root, project.name, project.file) == (tmp_path, "digits", tmp_path / "lab.toml")
    assert project.dataset("sales").path == "data/sales.csv"
    assert project.dataset("sales").description == "one row per sale"
    assert project.dataset("far.away").path == "/mnt/data"
    train, evaluate = project.entry("train"), project.entry("eval")
    assert train.command == ("python", "my train.py", "--lr", "0.1")
    assert train.datasets == ("sales", "far.away")
    assert (train.workdir, train.network) == ("src", True)
    assert train.params == {"lr": 0.1, "layers": 3, "name": "a b", "opt.nesterov": True}
    assert train.resources == Resources(cpus=1.5, memory=4 << 30, gpus=-1, shm=64 << 20, pids=100)
    assert evaluate.command == ("python", "-m", "eval")
    assert (evaluate.workdir, evaluate.network, evaluate.params) == ("", False, {})
    assert evaluate.resources == project.resources == Resources(1.5, 512 << 20, 1, 64 << 20, 100)
    assert project.image == ImageSettings("python:3.12-slim", "requirements.txt", "3.12")
    assert project.code == CodeSettings(("*.ckpt",), 1000, 1 << 20)


def test_the_least_that_serves(tmp_path: Path) -> None:
    project = load(tmp_path, '[project]\r\nname = "x"\r\n')
    assert project.entries == project.datasets == {}
    assert project.resources == Resources()
    assert project.code == CodeSettings((), 10 << 20, 200 << 20)


HEAD = '[project]\nname = "x"\n'


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (HEAD + "[resources]\nmemory = '1g'\ncpu = 2", 'lab.toml:5: unknown key "cpu" in [resources]', '"cpus"'),
        (HEAD + "[resource]\n", 'lab.toml:3: unknown key "resource"', 'did you mean "resources"?'),
        (HEAD + "zzz = 1\n", 'lab.toml:3: unknown key "zzz" in [project]', 'the keys are "name"'),
        (
            HEAD + "[resources]\n\nmemory = [1]",
            'lab.toml:5: [resources] memory must be a size such as "512m", not a list',
            "",
        ),
        (HEAD + "resources.memory = 'lots'", 'unknown key "resources" in [project]', ""),
        ("resources.memory = 'lots'\n" + HEAD, 'lab.toml:1: [resources] memory must be a size such as "512m"', ""),
        (HEAD + '[resources]\nmemory = "' + "9" * 400 + '"', "lab.toml:4: [resources] memory must be a size", ""),
        (HEAD + "[resources]\ncpus = true", "lab.toml:4: [resources] cpus must be a number of cores", "not true"),
        (HEAD + "[resources]\ncpus = 0", "must be a number of cores such as 2 or 0.5, not 0", ""),
        (HEAD + "[resources]\ngpus = -1", 'gpus must be a number of GPUs or "all", not -1', ""),
        (HEAD + "[resources]\npids = 1.5", "pids must be a number of processes such as 512, not 1.5", ""),
        (HEAD + "resources = 3\n", 'unknown key "resources"', ""),
        ("resources = 3\n" + HEAD, "lab.toml:1: [resources] must be a table, not 3", ""),
        ("", 'lab.toml:1: missing table "project"', ""),
        ("# hi\n[project]\n", 'lab.toml:2: missing key "name" in [project]', ""),
        ('[project]\nname = "a b"', 'lab.toml:2: [project] name must be a name, not "a b"', "1 to 63 letters"),
        (HEAD + "[datasets.a]\n", 'lab.toml:3: missing key "path" in [datasets.a]', ""),
        (HEAD + '[datasets."a b"]\npath="x"', "lab.toml:3: 'a b' cannot be the name of a dataset", "1 to 63"),
        (HEAD + "[datasets.a]\npath='../x'", "lab.toml:4: [datasets.a] path leaves the project", "absolute"),
        (HEAD + "[datasets.a]\npath='x/../../y'", "path leaves the project", ""),
        (HEAD + "[datasets.a]\npath=''", 'path must be a path, not ""', ""),
        (HEAD + '[datasets.a]\npath="a\\u0000b"', "path must be a path", ""),
        (HEAD + "[datasets]\na = 'x'", "lab.toml:4: [datasets.a] must be a table", ""),
        (HEAD + "[entries.t]\n", 'missing key "command" in [entries.t]', ""),
        (HEAD + "[entries.t]\ncommand = ''", 'command must be a command such as "python train.py"', ""),
        (HEAD + "[entries.t]\ncommand = []", "not an empty one", ""),
        (HEAD + "[entries.t]\ncommand = ['a', 1]", "not a list with 1", ""),
        (HEAD + '[entries.t]\ncommand = "a \'b"', "command cannot be split into words", "close the quotes"),
        (
            HEAD + "[entries.t]\ncommand = 'a && b'",
            'command holds "&&", but no shell runs it',
            '["sh", "-c", "a && b"]',
        ),
        (HEAD + "[entries.t]\ncommand='a'\nworkdir='/x'", "lab.toml:5: [entries.t] workdir must be relative", ""),
        (HEAD + "[entries.t]\ncommand='a'\nnetwork='no'", 'network must be true or false, not "no"', ""),
        (HEAD + "[entries.t]\ncommand='a'\ndatasets='x'", 'datasets must be a list of strings, not "x"', ""),
        (
            HEAD + "[datasets.sales]\npath='x'\n[entries.t]\ncommand='a'\ndatasets=[\n 'sale']",
            'lab.toml:7: [entries.t] datasets names "sale", which is not a dataset of the project',
            "the datasets are sales",
        ),
        (
            HEAD + "[entries.t]\ncommand='a'\n[entries.t.params]\nlr = [1]",
            "[entries.t.params] lr must be",
            "not a list",
        ),
        (HEAD + "[entries.t]\ncommand='a'\nparams={lr=inf}", "lab.toml:5: [entries.t.params] lr must be", "not inf"),
        (HEAD + "[entries.t]\ncommand='a'\nparams={d=2020-01-01}", "not a date or time", ""),
        (HEAD + "[entries.t]\ncommand='a'\n[entries.t.params]\n'a=b'=1", 'lab.toml:6: "a=b" cannot be the name', ""),
        (
            HEAD
            + "[entries.t]\ncommand='a'\n[[entries.t.guards]]\nwhen='isnan(a)'\n[[entries.t.guards]]\nwhen='a >> 1'",
            "lab.toml:8: [entries.t.guards] when cannot be understood: a metric or a number is due here, not '>'\n"
            "  a >> 1\n     ^",
            "isnan(loss)",
        ),
        (HEAD + "[entries.t]\ncommand='a'\n[[entries.t.guards]]\ndo='stop'", 'lab.toml:5: missing key "when"', ""),
        (
            HEAD + "[entries.t]\ncommand='a'\n[[entries.t.guards]]\nwhen='isnan(a)'\ndo='kill'",
            'lab.toml:7: [entries.t.guards] do must be one of stop, notify, mark, not "kill"',
            "",
        ),
        (
            HEAD + "[entries.t]\ncommand='a'\nguards = 'x'",
            "lab.toml:5: [entries.t.guards] must be tables, written [[",
            "",
        ),
        (HEAD + "[image]\nbase = 1", "[image] base must be a string on one line, not 1", ""),
        (HEAD + "[code]\nmax_files = '1m'", 'unknown key "max_files" in [code]', 'did you mean "max_file"?'),
        ("[[project]]\n", "lab.toml:1: [project] must be a table, not a list", ""),
        (HEAD + "[resources\n", "lab.toml:3: not valid TOML", ""),
        (HEAD + "name = 'y'\n", "lab.toml:3: not valid TOML", ""),
        (HEAD + "[code]\nignore = [\n", "lab.toml:4: not valid TOML", ""),
        ("a = " + "[" * 100_000, "lab.toml:1: tables or lists are nested too deeply", ""),
        ("a = " + "9" * 10_000, "lab.toml:1: not valid TOML", ""),
        (b"[project]\nname = '\xff'\n", "lab.toml:2: not UTF-8", "save the file as UTF-8"),
        (b"#" * (1 << 21), "lab.toml is larger than 1 MB", ""),
        ('[project]\nname = "x"\n"\\u001b[2J" = 1', 'lab.toml:3: unknown key "[2J" in [project]', ""),
    ],
    ids=lambda value: repr(value[:40]) if value else None,
)
def test_errors_name_file_line_and_key(tmp_path: Path, text: str | bytes, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert hint in f"{caught.value.hint} {caught.value.message}"
    assert "\x1b" not in str(caught.value)


def test_guards_have_names_and_say_what_to_do(tmp_path: Path) -> None:
    text = HEAD + "[entries.t]\ncommand='a'\n[[entries.t.guards]]\nname='nan'\nwhen='isnan(a)'\ndo='stop'\n"
    text += "[[entries.t.guards]]\nwhen='a > 10\t for 3'\n"
    assert load(tmp_path, text).entry("t").guards == (
        Guard("nan", "isnan(a)", "stop"),
        Guard("a > 10 for 3", "a > 10 for 3", "notify"),
    )


def test_lines_are_right_after_anything_that_spans_lines(tmp_path: Path) -> None:
    text = (
        '# a "comment" with = and [\n[project] # [x]\nname = "x"\n\n[code]\n'
        'ignore = [ # "\n  "a]", \'b"\',\n  """c\nd\\"""",\n  \'\'\'\ne\'\'\',\n]\n'
        "max_file = '1m' # fine\n\n[ entries . \"t\" ]\ncommand = ['''a\nb''']\nwrong = 1\n"
    )
    tomllib.loads(text)
    with pytest.raises(SettingsError, match=r'lab.toml:18: unknown key "wrong" in \[entries.t\]'):
        load(tmp_path, text)


def keys_of(table: dict[str, object], prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, value in table.items():
        found.append((*prefix, name))
        if isinstance(value, dict):
            found += keys_of(value, (*prefix, name))
    return found


KEYS = st.one_of(
    st.text(alphabet="ab-_1", min_size=1, max_size=4),
    st.text(alphabet="a .#=[\"'é\n", min_size=0, max_size=4).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    ),
)
VALUES = st.sampled_from(
    [
        "1",
        "'x'",
        '"a # = \\" b"',
        '"""\nx = 1\n[y]\n"""',
        "'''\n]'''",
        "[1, # x = 2\n 2]",
        "{a = 1, b = {c = ']'}}",
        "2020-01-01",
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.lists(KEYS, min_size=1, max_size=2), VALUES).map(lambda kv: f"{'.'.join(kv[0])} = {kv[1]}"),
            st.lists(KEYS, min_size=1, max_size=2).map(lambda keys: f"[{' . '.join(keys)}]"),
            st.sampled_from(["", "# x = [", "\t# '''"]),
        ),
        max_size=8,
    )
)
def test_the_scanner_finds_every_key_of_valid_toml(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    starts = {1}
    for statement in statements:
        starts.add(max(starts) + statement.count("\n") + 1)
    for keys in keys_of(table):
        assert lines.of(keys) in starts
        assert lines.of(keys) <= text.count("\n") + 1


TOML_TEXT = st.one_of(
    st.text(max_size=120),
    st.lists(
        st.sampled_from(
            [
                *(
                    '[project]\nname="x"\n',
                    "[project]\n",
                    "name = ",
                    "[datasets.a]\n",
                    "path = ",
                    "[entries.t]\n",
                    "command = ",
                ),
                *(
                    "[resources]\n",
                    "memory = ",
                    "cpus = ",
                    "gpus = ",
                    "[code]\n",
                    "ignore = ",
                    "[image]\n",
                    "params = ",
                ),
                *(
                    '"x"\n',
                    "1\n",
                    "-1\n",
                    "1e999\n",
                    "nan\n",
                    "[1]\n",
                    "{a=1}\n",
                    "true\n",
                    "2020-01-01\n",
                    "['a', 1]\n",
                ),
                *('"\\u0000"\n', "'''", '"""', "\n", "#", "[", "]", "=", ".", "99999999999999999999999\n", "'../x'\n"),
            ]
        ),
        max_size=14,
    ).map("".join),
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=60), TOML_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_nothing_but_settings_errors(tmp_path: Path, data: bytes) -> None:
    for name, read in (("lab.toml", load_project), ("config.toml", user_settings)):
        (tmp_path / name).write_bytes(data)
        assert refusal(read, tmp_path).startswith(name)


def refusal(read: Callable[[Path], object], folder: Path) -> str:
    """The message of the refusal; the name of the file if it is accepted."""
    try:
        read(folder)
    except SettingsError as error:
        return error.message
    return "lab.toml" if read is load_project else "config.toml"


def test_a_missing_file_leads_to_init(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_project(tmp_path)
    assert "lab init" in caught.value.hint
    with pytest.raises(NotFoundError):
        load_project(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "lab.toml")
    with pytest.raises(SettingsError, match="not a file"):
        load_project(tmp_path)


def test_unknown_names_lead_to_near_ones(tmp_path: Path) -> None:
    project = load(tmp_path, FULL)
    with pytest.raises(NotFoundError) as caught:
        project.entry("trian")
    assert caught.value.hint == "did you mean train?"
    with pytest.raises(NotFoundError) as caught:
        project.dataset("zzzzzz")
    assert caught.value.hint == "there are: sales, far.away"


def test_a_project_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(tmp_path, HEAD)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project(deep) == tmp_path
    assert find_project(tmp_path) == tmp_path
    monkeypatch.chdir(deep)
    assert find_project(Path()) == tmp_path
    (tmp_path / "a" / "lab.toml").mkdir()  # a folder of that name is no project
    assert find_project(deep) == tmp_path


def test_a_script_alone_is_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "train it.py").write_text("pass")
    project = settings_for_script(folder, Path("sub/train it.py"))
    assert (project.name, project.file) == ("my-project", None)
    assert project.entry("train-it").command == ("python", "sub/train it.py")
    assert settings_for_script(folder, folder / "sub" / "train it.py").entries == project.entries
    (tmp_path / "outside.py").write_text("pass")
    for script in ("none.py", "../outside.py", "sub"):
        with pytest.raises(NotFoundError):
            settings_for_script(folder, Path(script))


def test_the_template_of_a_project_loads(tmp_path: Path) -> None:
    folder = tmp_path / "Größe & co"
    for name in ("data/images", "data/text", ".hidden", "tests"):
        (folder / name).mkdir(parents=True)
    files = {
        "sales.csv": "a\n",
        "data/log.JSONL": "{}\n",
        "data/readme.md": "x",
        "train.py": "from lab import track\npath = track.data('sales')\n",
        "evaluate.py": "if __name__ == '__main__':\n    open('data/images/1.png')\n",
        "helpers.py": "x = 1\n",
        "test_x.py": 'if __name__ == "__main__": pass\n',
        "requirements.txt": "numpy\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / 'we"ird\\.csv').write_text("a\n")
    with open(os.fsencode(folder) + b"/\xff.csv", "wb"):
        pass
    text = render_template(folder)
    project = load(folder, text)
    assert project.name == "Gr-e-co"
    assert {dataset.path for dataset in project.datasets.values()} == {
        "sales.csv", 'we"ird\\.csv', "data/images", "data/text", "data/log.JSONL",
    }  # fmt: skip
    assert {entry.name: entry.command for entry in project.entries.values()} == {
        "train": ("python", "train.py"),
        "evaluate": ("python", "evaluate.py"),
    }
    assert project.entry("train").datasets == ("sales",)
    assert project.entry("evaluate").datasets == ("images",)
    assert project.image.requirements == "requirements.txt"
    uncommented = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ") and "=" in line
    )
    for key in ("network", "lr", "base", "cpus", "gpus", "shm", "pids", "ignore", "max_file", "max_total"):
        assert f"{key} = " in uncommented


def test_the_template_of_an_empty_folder_loads_also_with_its_comments_taken_off(tmp_path: Path) -> None:
    text = render_template(tmp_path / "---")
    assert load(tmp_path, text).name == "project"
    examples = [
        line.removeprefix("#").removeprefix(" ")
        for line in text.splitlines()
        if not line.startswith("#") or "=" in line or line.startswith("# [")
    ]
    kept = [line for line in examples if "`" not in line and "NAME" not in line]
    project = load(tmp_path, "\n".join(kept))
    assert project.entry("train").params == {"lr": 0.1}
    assert project.entry("train").datasets == ("sales",)
    assert project.resources.cpus == 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8), max_size=4, unique=True))
def test_no_file_name_breaks_the_template(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("project")
    for name in names:
        for suffix in (".csv", ".py"):
            try:
                (folder / f"{name}{suffix}").write_text("if __name__ == '__main__': pass\n")
            except (OSError, UnicodeEncodeError):
                continue
    load(folder, render_template(folder))


def test_the_user_settings(tmp_path: Path) -> None:
    assert user_settings(tmp_path) == UserSettings("", "auto", {})
    (tmp_path / "config.toml").write_text('[ui]\ntheme="nord"\n[engine]\ndefault="process"\n[keys]\nquit="ctrl+q"\n')
    assert user_settings(tmp_path) == UserSettings("nord", "process", {"quit": "ctrl+q"})
    (tmp_path / "config.toml").write_text('[engine]\ndefault = "podman"\n')
    with pytest.raises(SettingsError) as caught:
        user_settings(tmp_path)
    assert str(caught.value) == ('config.toml:2: [engine] default must be one of auto, docker, process, not "podman"')
    (tmp_path / "config.toml").write_text("[uii]\n")
    with pytest.raises(LabError, match=r'config\.toml:1: unknown key "uii"'):
        user_settings(tmp_path)
