"""Paths as a container would see them, turned into the host's, for engines that mount nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lab.engine.base import Mount


def translator(mounts: Sequence[Mount]) -> Callable[[str], str]:
    """A function that replaces mount targets by their sources wherever they stand as whole paths in a text.

    `/lab/run/x`, `--out=/lab/run`, `/lab/code:/lab/runtime` are all understood; `/lab/runtime` is not taken for
    `/lab/run`, nor `/home/lab/run` for a target. Of nested targets the innermost wins.
    """
    sources = {mount.target.rstrip("/"): str(mount.source) for mount in mounts}
    if not sources:
        return lambda text: text
    targets = "|".join(re.escape(target) for target in sorted(sources, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w./-])(?:{targets})(?=/|[^\w./-]|\.?$|\.[^\w])")
    return lambda text: pattern.sub(lambda match: sources[match[0]], text)
