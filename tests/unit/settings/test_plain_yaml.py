"""YAML from strangers: what is read, what is refused, and that neither takes long."""

import time

import pytest

from lab.errors import LabError
from lab.settings import plain_yaml


def test_values_keep_their_text() -> None:
    text = b"outs:\n- md5: 1e10\n  size: 007\n  cache: false\n  path: 'a b'\nempty:\nlist: [a, {b: c}]\n"
    assert plain_yaml.parse(text, "x") == {
        "outs": [{"md5": "1e10", "size": "007", "cache": "false", "path": "a b"}],
        "empty": "",
        "list": ["a", {"b": "c"}],
    }


def test_tags_make_nothing() -> None:
    text = b"a: !!python/object/apply:os.system ['echo hi']\nb: !!python/name:os.system x\n"
    assert plain_yaml.parse(text, "x") == {"a": ["echo hi"], "b": "x"}


def test_aliases_only_where_they_are_wanted() -> None:
    text = b"a: &one {b: c}\nd: *one\n"
    assert plain_yaml.parse(text, "x", aliases=True) == {"a": {"b": "c"}, "d": {"b": "c"}}
    with pytest.raises(LabError, match="it has aliases"):
        plain_yaml.parse(text, "x")


def bomb() -> bytes:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    return "\n".join(lines).encode()


def merge_bomb() -> bytes:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("text", [bomb(), merge_bomb()])
def test_bombs_are_refused_or_cost_nothing(text: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(LabError):
        plain_yaml.parse(text, "x")
    assert "a0" in plain_yaml.parse(text, "x", aliases=True)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"a: [1, 2",
        b"a: b: c",
        b"\x00\x01",
        b"\xff\xfe\xff",
        b"a: 1\n---\nb: 2\n",
        b"? [a]\n: b\n",
        b"a: *nobody",
        b"&a [*a]",
        b"x" * (plain_yaml.LARGEST + 1),
        b"\x80",
        b"a: \x1b[31m",
    ],
    ids=lambda text: repr(text[:12]),
)
@pytest.mark.parametrize("aliases", [False, True])
def test_what_is_refused(text: bytes, aliases: bool) -> None:
    with pytest.raises(LabError, match=r"dvc\.lock") as caught:
        plain_yaml.parse(text, "dvc.lock", aliases=aliases)
    assert "\x1b" not in caught.value.message


def test_nothing_at_all() -> None:
    assert plain_yaml.parse(b"", "x") is None
    assert plain_yaml.parse(b"# only a comment\n", "x") is None
