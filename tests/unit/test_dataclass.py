"""Whatever the standard library's dataclass does, ours does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from lab.dataclass import dataclass

T = TypeVar("T")


def point(decorate: Callable[..., Any], **options: bool) -> Any:
    @decorate(**options)
    class Point:
        """A place."""

        kind: ClassVar[str] = "point"
        x: int
        y: int = 2
        tags: list[str] = dataclasses.field(default_factory=list, compare=False)
        secret: str = dataclasses.field(default="s", repr=False)
        known: int = dataclasses.field(default=0, kw_only=True, hash=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x")

    return Point


OPTIONS = [{}, {"frozen": True}, {"eq": False}, {"frozen": True, "eq": False}]


def told(make: Callable[[], object]) -> object:
    try:
        return make()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_the_standard_library_s(options: dict[str, bool]) -> None:
    ours, theirs = point(dataclass, **options), point(dataclasses.dataclass, **options)

    def both(act: Callable[[Any], object]) -> None:
        assert told(lambda: act(ours)) == told(lambda: act(theirs))

    both(lambda cls: cls())
    both(lambda cls: cls(1, 2, [], "s", 3))
    both(lambda cls: cls(-1))
    both(lambda cls: cls(1, z=2))
    both(lambda cls: repr(cls(1, known=4)))
    both(lambda cls: dataclasses.astuple(cls(1)))
    both(lambda cls: dataclasses.asdict(cls(1, 3)))
    both(lambda cls: [field.name for field in dataclasses.fields(cls)])
    both(lambda cls: dataclasses.astuple(dataclasses.replace(cls(1), y=7)))
    both(lambda cls: cls.__match_args__)
    both(lambda cls: cls.__doc__)
    both(lambda cls: cls(1) == cls(1, tags=["other"]))
    both(lambda cls: cls(1) == cls(2))
    both(lambda cls: cls(1) == 1)
    both(lambda cls: cls(1).tags is cls(1).tags)
    both(lambda cls: len({cls(1), cls(1), cls(1, known=5)}))
    both(lambda cls: setattr(cls(1), "x", 3))
    both(lambda cls: delattr(cls(1), "x"))
    both(lambda cls: setattr(cls(1), "other", 3))
    both(lambda cls: cls.__init__.__qualname__)
    both(lambda cls: copy.deepcopy(cls(1)).x)
    both(lambda cls: type(cls.__hash__).__name__)


@dataclass(frozen=True)
class Base(Generic[T]):
    a: T

    def __repr__(self) -> str:
        return "own"


@dataclass(frozen=True)
class Derived(Base[int]):
    b: int = 1


class Plain(Derived):
    """Adds nothing to the fields."""


def test_what_a_class_says_itself_is_kept_and_children_have_the_fields_of_their_parents() -> None:
    assert repr(Base("x")) == "own"
    assert repr(Derived(1)) == "Derived(a=1, b=1)"
    assert Plain(3, 4) == Plain(3, 4)
    assert Derived(3, 4) != Plain(3, 4)
    assert Plain.__init__ is Derived.__init__, "what was asked for is kept where it was missing"
    assert Plain(3).b == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Plain(1).a = 2  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(Derived(5))) == Derived(5)


def test_nothing_is_compiled_before_it_is_used() -> None:
    cls = point(dataclass, frozen=True)
    before = cls.__init__, cls.__eq__
    cls(1)
    assert cls.__init__ is not before[0]
    assert cls.__eq__ is before[1]


def test_threads_may_be_first_together() -> None:
    cls, made, gate = point(dataclass, frozen=True), [], threading.Barrier(8)

    def make() -> None:
        gate.wait(60)
        made.append(cls(1))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [cls(1)] * 8
