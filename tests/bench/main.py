"""`make bench`: all figures of the project, each with its target. Nothing fails here; the eyes of a person judge.

Machines differ and are busy: compare figures of one run with each other before comparing runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import bench_app  # noqa: E402 (found through the line above)
import bench_capture  # noqa: E402
import bench_catalog  # noqa: E402
import bench_compare  # noqa: E402
import bench_data  # noqa: E402
import bench_demo  # noqa: E402
import bench_expect  # noqa: E402
import bench_launch  # noqa: E402
import bench_live  # noqa: E402
import bench_queue  # noqa: E402
import bench_readers  # noqa: E402
import bench_rollout  # noqa: E402
import bench_search  # noqa: E402
import bench_serving  # noqa: E402
import bench_store  # noqa: E402
import bench_track  # noqa: E402
import bench_ui  # noqa: E402


def main() -> None:
    print(f"{'figure':52} {'measured':>12}   target")
    modules = (
        *(bench_catalog, bench_compare, bench_readers, bench_app, bench_ui, bench_track, bench_store, bench_search),
        *(bench_capture, bench_data, bench_expect, bench_launch, bench_queue, bench_live, bench_serving, bench_demo),
        bench_rollout,
    )
    for module in modules:
        for name, value, unit, target in module.figures():
            goal = f"≤ {target:g} {unit}" if target else ""
            print(f"{name:52} {value:>9.4g} {unit:2}   {goal}", flush=True)


if __name__ == "__main__":
    main()
