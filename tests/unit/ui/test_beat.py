"""A screen paints the first change after a pause at once, what comes close behind it together, and not too often."""

from __future__ import annotations

import asyncio
import time

from lab.ui.screens.beat import Beat


async def paints(asks: list[float], seconds: float) -> list[float]:
    """When it paints, where it is asked for that at these times, seconds from the beginning."""
    begin, painted = time.monotonic(), []

    def paint() -> None:
        beat.pause()
        painted.append(time.monotonic() - begin)

    beat = Beat(paint)
    loop = asyncio.get_running_loop()
    for at in asks:
        loop.call_later(at, beat.resume)
    await asyncio.sleep(seconds)
    return painted


async def test_what_is_asked_for_together_is_painted_once() -> None:
    assert len(await paints([0.0, 0.0, 0.0001], 0.05)) == 1


async def test_the_next_paint_keeps_its_distance() -> None:
    first, second = await paints([0.0, 0.003], 0.1)
    assert second - first >= 0.009


async def test_nothing_is_painted_where_nobody_asks_or_a_paint_took_it_along() -> None:
    painted: list[float] = []
    beat = Beat(lambda: painted.append(0.0))
    beat.resume()
    beat.pause()  # something else has painted the screen meanwhile
    await asyncio.sleep(0.03)
    assert not painted
