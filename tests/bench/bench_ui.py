"""How the app answers: first paint, keys, filters and screens, with few and with very many runs, some of them live."""

from __future__ import annotations

import json
import os
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

from homes import datasets, live_runs, many_runs
from watched_app import WatchedApp

from lab.catalog.connection import Catalog
from lab.paths import LabHome

Figure = tuple[str, float, str, float]
_ROUNDS = 7
_MANY = 100_000
_LIVE = 20
_KEYS = 60
_ESC, _F1, _CTRL_P, _CTRL_O, _PAGE = "\x1b", "\x1bOP", "\x10", "\x0f", "\x1b[6~"
#: Keys that between them open what there is, twice, for second visits are not those of first ones.
_WALK = (
    *("3", "G", "g", _PAGE, _PAGE, "/", "r", "u", "n", "-", "9", _ESC, _ESC, "2", "4", "5", "1", "3"),
    *("\r", "]", "]", "]", "]", "]", _ESC, "?", "r", "u", "n", _ESC, _ESC, _F1, _ESC, _CTRL_P, "l", "r", _ESC, _ESC),
    *("h", _ESC, " ", "j", " ", "j", " ", "c", "m", "e", _ESC, "W", _ESC, "w", _ESC, "n", _ESC, "E", _ESC, "@", _ESC),
    *(":", "r", "u", "\t", _ESC, _CTRL_O, _ESC, "B", "s", "e", "e", "\r", "B", "\r", "s", "K", _ESC, "8", _ESC, "3"),
) * 2


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        return [*_opening(Path(folder, "ten")), *_working(Path(folder, "hundred"))]


def _opening(root: Path) -> list[Figure]:
    """10,000 runs and 1,000 versions of datasets."""
    home = many_runs(root)
    datasets(home, 20, 50)
    Catalog(home).close()  # the index of a lab that is in use
    paints, rows = [], []
    for _ in range(_ROUNDS):
        with WatchedApp(home.root) as app:
            paints.append(app.until("Deployments"))
            rows.append(app.until("run-9"))
    with WatchedApp(home.root) as app:
        app.until("run-9")
        app.press("3")
        app.quiet(1.0)
        idle, memory = app.cpu(10), app.memory
    return [
        ("first paint, 10,000 runs and 1,000 dataset versions", 1000 * statistics.median(paints), "ms", 400),
        ("the same, until the first run is shown", 1000 * statistics.median(rows), "ms", 0),
        ("CPU of the app while nothing happens", idle, "%", 2),
        ("memory of the app with 10,000 runs", memory, "MB", 160),
    ]


def _working(root: Path) -> list[Figure]:
    """100,000 runs, and 20 that log four times a second."""
    home = many_runs(root, _MANY)
    Catalog(home).close()
    going = live_runs(home, _LIVE)
    ended = threading.Event()
    logger = threading.Thread(target=_log, args=(home, going, ended))
    logger.start()
    try:
        with WatchedApp(home.root) as app:
            app.until("run-")
            app.press("3", "live-")
            app.quiet(0.2)
            keys = []
            for at in range(_KEYS):
                time.sleep(0.05)
                app.drain()
                keys.append(app.press("j" if at % 20 < 15 else "k"))
            repaints = app.repaints(5)
            filters = []
            for number in ("4321", "5731", "6142", "7853", "8664"):  # anew each time: what is known costs less
                app.press("/", "status:failed")
                for char in f"run-{number[:3]}":
                    app.press(char)
                app.quiet(0.4)
                filters.append(app.press(number[3], f"run-{number}9"))  # not among the first that fitted before
                app.press("\x1b\x1b", "live-")
                app.quiet(0.4)
            screens = []
            for key, there in (("2", "ataset"), ("4", "odel"), ("5", "eployment"), ("3", "live-")) * 3:
                app.quiet(0.15)
                screens.append(app.press(key, there))
            memory = app.memory
        held = holds(home, root.with_name("told"))
        worst = max(held, key=lambda key: held[key][0])
        return [
            ("key to paint at 100,000 runs, 20 of them live, median", 1000 * statistics.median(keys), "ms", 0),
            ("the same, 95 of 100", 1000 * statistics.quantiles(keys, n=20)[-1], "ms", 25),
            ("key in the filter to its rows, 100,000 runs", 1000 * statistics.median(filters), "ms", 60),
            ("from screen to screen, second visit", 1000 * statistics.median(screens[4:]), "ms", 80),
            ("repaints a second with 20 live runs", repaints, "", 5),
            ("memory of the app with 100,000 runs", memory, "MB", 160),
            (
                f"longest hold of the loop in a walk of {len(held)} keys, of processor time, at {worst}",
                held[worst][0],
                "ms",
                50,
            ),
            ("the longest by the clock", max(took for _, took in held.values()), "ms", 0),
        ]
    finally:
        ended.set()
        logger.join()


def holds(home: LabHome, told: Path) -> dict[str, tuple[float, float]]:
    """For each key of a walk through the app the longest callback of the loop: its milliseconds of processor time, and
    by the clock. First visits count: what is imported, read and painted for the first time holds the loop as well."""
    program = (str(Path(__file__).with_name("held_app.py")), str(told))
    found: dict[str, tuple[float, float]] = {}
    with WatchedApp(home.root, program) as app:
        app.until("run-")
        for key in ("", *_WALK):
            app.type(key)
            app.quiet(0.3, 2.0)
            told.unlink(missing_ok=True)
            os.kill(app.pid, signal.SIGUSR1)
            while not told.exists():
                time.sleep(0.01)
            spent, took, *_ = told.read_text().split()
            found[f"{len(found)} {key!r}"] = (float(spent), float(took))
    return found


def _log(home: LabHome, going: list[str], ended: threading.Event) -> None:
    step = 0
    files = [home.run(run).events.open("a") for run in going]
    while not ended.wait(0.25):
        step += 1
        for file in files:
            file.write(json.dumps({"t": time.time(), "s": step, "m": {"m0": 1 / step, "m1": step}}) + "\n")
            file.flush()
    for file in files:
        file.close()


if __name__ == "__main__":
    for figure in figures():
        print(figure)
