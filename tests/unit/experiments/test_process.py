from __future__ import annotations

import os
import subprocess
import sys

from lab.experiments.process import alive, identity


def test_this_process_is_alive_and_an_ended_one_is_not() -> None:
    assert alive(identity())
    done = subprocess.run(
        [sys.executable, "-c", "from lab.experiments.process import identity; print(identity())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not alive(done.stdout.strip())


def test_a_later_process_of_the_same_number_is_another() -> None:
    pid, _, rest = identity().partition(":")
    _, _, boot = rest.partition("@")
    assert not alive(f"{pid}:1@{boot}")
    assert not alive(f"{pid}:{rest.partition('@')[0]}@another-boot")


def test_nonsense_is_not_alive() -> None:
    for text in ("", "x", ":@", f"{os.getpid()}", "-1:2@3"):
        assert not alive(text)
