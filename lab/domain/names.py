"""Names that users choose or read: what is allowed, and how runs are named when nobody does."""

from __future__ import annotations

import hashlib
import re

from lab.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

_ADJECTIVES = (
    "able amber ample azure bold brave brief bright brisk calm clear clever coral crisp deft eager early "
    "easy exact fair fine firm fleet fond fresh frank gentle glad gold grand green happy hardy humble jolly "
    "keen kind late lean light lively loyal lucid lunar mellow merry mild neat nimble noble plain polar "
    "proud quick quiet rapid ready royal sharp silver solar steady sunny swift tidy"
).split()
_ANIMALS = (
    "badger bear beaver bison bobcat camel cat cobra condor coyote crane crow deer dingo dove eagle egret "
    "elk falcon ferret finch fox gecko goose gull hare hawk heron horse ibex ibis jackal jay kiwi koala "
    "lark lemur lion llama lynx magpie marten mole moose newt ocelot orca osprey otter owl panda parrot "
    "puffin puma quail rabbit raven robin seal shrew sparrow stork swan tapir tiger"
).split()


def check_name(kind: str, name: str) -> str:
    """`name` itself if a `kind` may be called so.

    Raises UsageError for anything that is not 1 to 63 letters, digits, `.`, `_` or `-`, beginning
    with a letter or digit: names become file names, labels and image tags.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of {'an' if kind[:1] in 'aeiou' else 'a'} {kind}",
            "use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        )
    return name


def run_name(run_id: str) -> str:
    """A pronounceable name derived from the id, such as `calm-otter-42`."""
    digest = hashlib.sha256(run_id.encode()).digest()
    adjective = _ADJECTIVES[digest[0] % len(_ADJECTIVES)]
    animal = _ANIMALS[digest[1] % len(_ANIMALS)]
    return f"{adjective}-{animal}-{digest[2] % 100:02d}"
