from __future__ import annotations

from pathlib import Path

import pytest

from lab.domain.commands import OPTIONS, OVERRIDES
from lab.errors import NotFoundError
from lab.settings import load_project, settings_for_script
from lab.settings.arguments import Arguments, arguments, reads_params
from lab.settings.template import render_template

ARGPARSE = """
import argparse, re
DEFAULT = 3
parser = argparse.ArgumentParser()
parser.add_argument("data", default="x.csv")
parser.add_argument("-l", "--lr", type=float, default=1e-3, help="so fast")
parser.add_argument("--n-estimators", type=int, default=-5)
parser.add_argument("--optimizer", default="adam", choices=["adam", "sgd"])
parser.add_argument("--quiet", action="store_true", default=False)
parser.add_argument("--layers", nargs="+", default=4)
parser.add_argument("--depth", default=DEFAULT)
parser.add_argument("--name", default=None)
parser.add_argument("--bad name", default=1)
print(re.match("(a)", "a").group(1))
"""


def test_options_of_argparse_with_their_defaults() -> None:
    assert arguments(ARGPARSE) == Arguments(OPTIONS, {"lr": 1e-3, "n-estimators": -5, "optimizer": "adam"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import click\n@click.command()\n@click.option('--lr', default=0.1)\n"
         "@click.option('--on/--off', default=True)\n@click.option('--n', default=2, multiple=True)\n"
         "def main(lr): ...", Arguments(OPTIONS, {"lr": 0.1})),
        ("import click\n@click.group()\ndef cli(): ...\n@cli.command()\n"
         "@click.option('--lr', default=1)\ndef a(lr): ...", Arguments(OPTIONS)),
        ("from argparse import ArgumentParser as P\np = P()\ns = p.add_subparsers()\n"
         "s.add_parser('a').add_argument('--x', default=1)", Arguments(OPTIONS)),
        ("import typer\n\ndef main(lr: float = 0.1): ...\ntyper.run(main)", Arguments(OPTIONS)),
        ("import hydra\n@hydra.main(config_path='conf')\ndef main(cfg): ...", Arguments(OVERRIDES)),
        ("from transformers import HfArgumentParser", Arguments(OPTIONS)),
        ("import sys\nprint(sys.argv)", Arguments()),
        ("import argparse\nfrom lab import track\nlr = track.params['lr']", Arguments(by_lab=True)),
        ("this is no Python", Arguments()),
        ("x = '\0'", Arguments()),
        ("(" * 5000, Arguments()),
    ],
)  # fmt: skip
def test_other_ways(source: str, expected: Arguments) -> None:
    assert arguments(source) == expected


def test_lab_init_writes_them_down_and_a_script_needs_no_lab_toml(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ARGPARSE)
    (tmp_path / "main.py").write_text("from lab import track\nprint(track.params)\n")
    (tmp_path / "lab.toml").write_text(render_template(tmp_path))
    entry = load_project(tmp_path).entry("train")
    expected = {"lr": 1e-3, "n-estimators": -5, "optimizer": "adam"}
    assert (entry.command, entry.params) == (("python", "train.py", OPTIONS), expected)
    plain = load_project(tmp_path).entry("main")
    assert (plain.command, plain.params) == (("python", "main.py"), {})
    alone = settings_for_script(tmp_path, Path("train.py")).entry("train")
    assert (alone.command, alone.params) == (entry.command, expected)
    with pytest.raises(NotFoundError):
        settings_for_script(tmp_path, Path("nowhere.py"))


def test_who_could_read_parameters_that_no_word_of_the_command_names(tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(ARGPARSE)
    (tmp_path / "hears.py").write_text("import os\nos.environ['LAB_PARAMS']\n")
    assert not reads_params(tmp_path, ("python", "deaf.py"))
    assert reads_params(tmp_path, ("python", "hears.py"))
    assert reads_params(tmp_path, ("python", "-m", "package.train")), "it cannot be looked at"
    assert reads_params(tmp_path, ("python", "gone.py"))
