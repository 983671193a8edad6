"""Run folders in the trash: how much room each takes, there and back by rename.

A batch holds whole folders of purged runs, or some files of runs that go on without them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lab.dataclass import dataclass
from lab.errors import LabError
from lab.paths import LabHome

RUNS = "runs"
_BLOCK = 512  # bytes in a unit of st_blocks, whatever the filesystem's own blocks are


@dataclass(frozen=True)
class Room:
    """What would be free if all of some files and trees went: `bytes` of the disk that no name elsewhere holds, as
    `du` counts them; `each` the share of every tree (a file of several names belongs to the first); `files`."""

    bytes: int
    files: int
    each: Mapping[str, int]


def room(trees: Mapping[str, Iterable[Path]]) -> Room:
    """Count files and whole folders, by owner. A file that has another name outside of them frees nothing."""
    each = dict.fromkeys(trees, 0)
    files = 0
    linked: dict[tuple[int, int], tuple[int, str, os.stat_result]] = {}
    for owner, paths in trees.items():
        for info in (info for path in paths for info in _walk(path)):
            folder = (info.st_mode & 0o170000) == 0o040000
            files += not folder
            if folder or info.st_nlink == 1:
                each[owner] += info.st_blocks * _BLOCK
                continue
            key = (info.st_dev, info.st_ino)
            seen, first, _ = linked.get(key, (0, owner, info))
            linked[key] = (seen + 1, first, info)
    for seen, owner, info in linked.values():
        each[owner] += info.st_blocks * _BLOCK if seen >= info.st_nlink else 0
    return Room(sum(each.values()), files, each)


def put(home: LabHome, batch: Path, run_id: str, names: Sequence[str] | None = None) -> bool:
    """Move a run's folder, or the files `names` of it, into `batch`. False if nothing of that was there.

    Raises LabError where the trash is on another disk than the runs.
    """
    source, target = home.run(run_id).root, batch / RUNS / run_id
    if names is None:
        return _move(source, target)
    moved = [_move(source / name, target / name) for name in names]
    return any(moved)


def held(batch: Path) -> dict[str, list[Path]]:
    """What a batch has of each run."""
    try:
        return {path.name: [path] for path in sorted((batch / RUNS).iterdir())}
    except FileNotFoundError:
        return {}


def bring_back(home: LabHome, batch: Path) -> tuple[tuple[str, ...], int]:
    """Move all runs and files of runs back. Returns the ids of the runs, and how many files stay since there are
    others in their places."""
    left = 0
    back = []
    for run_id in held(batch):
        stays = _merge(batch / RUNS / run_id, home.run(run_id).root)
        left += stays
        back.append(run_id)
    return tuple(back), left


def _merge(source: Path, target: Path) -> int:
    """Move a tree to where it was; into a folder that is there again file by file."""
    if not os.path.lexists(target):
        _move(source, target)
        return 0
    if not source.is_dir() or source.is_symlink() or not target.is_dir() or target.is_symlink():
        return 1
    left = sum(_merge(path, target / path.name) for path in sorted(source.iterdir()))
    if not left:
        source.rmdir()
    return left


def _move(source: Path, target: Path) -> bool:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        source.rename(target)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise LabError("the runs are on another disk than the trash", "put runs/ and store/ on one disk") from error
    return True


def _walk(path: Path) -> Iterator[os.stat_result]:
    """A file, or a folder with all that is below it; what comes and goes meanwhile is counted or not."""
    waiting = [str(path)]
    while waiting:
        name = waiting.pop()
        try:
            info = os.lstat(name)
            yield info
            if (info.st_mode & 0o170000) == 0o040000:
                with os.scandir(name) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            yield entry.stat(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            continue
