"""`dataclass`, whose methods are compiled at their first use.

The standard library compiles all methods of a class while its module loads, most of a millisecond a class: more than a
third of what a quick verb takes, and of most of those classes it makes no object. Here a class has its fields at once,
so that `fields`, `replace`, `asdict` and `match` know it, and the rest when somebody asks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """As `dataclasses.dataclass`, of which it knows these two options."""
        return _with_methods(cls, frozen, eq) if cls else lambda cls: _with_methods(cls, frozen, eq)


def _with_methods(cls: type, frozen: bool, eq: bool) -> type:
    own = frozenset(vars(cls))
    cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library writes a signature there, which takes long
    dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    late = ["__init__", "__repr__"] + ["__eq__"] * eq + ["__hash__"] * (eq and frozen)
    for name in late:
        if name not in own:
            setattr(cls, name, _late(cls, name, frozen))
    if frozen:
        cls.__setattr__, cls.__delattr__ = _refusals(cls)  # type: ignore[method-assign]
    elif eq and "__hash__" not in own:
        cls.__hash__ = None  # type: ignore[assignment]
    return cls


def _late(cls: type, name: str, frozen: bool) -> Callable[..., Any]:
    """A method that makes the real one, leaves it in its own place, and does what that does."""

    def method(self: Any, /, *args: Any, **values: Any) -> Any:
        real = _compiled(cls, name, frozen)
        setattr(cls, name, real)
        return real(self, *args, **values)

    method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
    return method


def _compiled(cls: type, name: str, frozen: bool) -> Any:
    """The method as the standard library makes it for these fields."""
    told = ("default", "default_factory", "init", "repr", "hash", "compare", "kw_only")
    fields = [
        (field.name, field.type, dataclasses.field(**{key: getattr(field, key) for key in told}))
        for field in dataclasses.fields(cls)
    ]
    twin = dataclasses.make_dataclass(
        cls.__name__,
        fields,
        namespace={"__doc__": cls.__doc__}
        | {key: getattr(cls, key) for key in ("__post_init__",) if hasattr(cls, key)},
        init=name == "__init__",
        repr=name == "__repr__",
        eq=name in ("__eq__", "__hash__"),
        unsafe_hash=name == "__hash__",
        frozen=frozen and name == "__init__",
    )
    method = getattr(twin, name)
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    return method


def _refusals(cls: type) -> tuple[Callable[..., None], Callable[..., None]]:
    """`__setattr__` and `__delattr__` of a frozen class."""
    fields = frozenset(field.name for field in dataclasses.fields(cls))

    def assign(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in fields:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def delete(self: Any, name: str) -> None:
        if type(self) is cls or name in fields:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return assign, delete
