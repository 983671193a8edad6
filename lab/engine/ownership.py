"""Files of a lab home whose user is root, made fit for jobs that are not.

A job of root's runs as nobody (lab.engine.hardening): it must own the folders that it writes, and be able to read
the rest. The lab home itself is closed to all others, so opening what lies inside gives nothing away.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from lab.engine.base import Mount
from lab.paths import LabHome

_READ = stat.S_IROTH
_ENTER = stat.S_IROTH | stat.S_IXOTH


def hand_over(mounts: Sequence[Mount], home: LabHome, uid: int, gid: int) -> None:
    """Give writable and private mounts to `uid`:`gid`; let all read the read-only ones that lie inside `home`."""
    sources = {mount.source for mount in mounts}
    for mount in mounts:
        if not mount.read_only or mount.private:
            _give(mount.source, uid, gid, sources - {mount.source})
        elif mount.source.is_relative_to(home.root):
            _open(mount.source)


def _give(path: Path, uid: int, gid: int, others: set[Path]) -> None:
    """Change the owner of `path` and what lies below, but for other mounts and files that share their bytes with
    the store (hard links)."""
    info = path.lstat()
    folder = stat.S_ISDIR(info.st_mode)
    if not folder and (info.st_nlink > 1 or not stat.S_ISREG(info.st_mode)):
        return
    if (info.st_uid, info.st_gid) != (uid, gid):
        os.chown(path, uid, gid, follow_symlinks=False)
    if folder:
        for entry in path.iterdir():
            if entry not in others:
                _give(entry, uid, gid, others)


def _open(path: Path) -> None:
    """Let all read `path`; its whole tree if it or something directly in it is closed."""
    if not path.is_dir():
        _add(path, path.stat().st_mode, _READ)
        return
    with os.scandir(path) as entries:
        modes = [entry.stat(follow_symlinks=False).st_mode for entry in entries]
    if not _closed(path.stat().st_mode) and not any(_closed(mode) for mode in modes):
        return
    for folder, _, files, fd in os.fwalk(path):
        _add(Path(folder), os.stat(fd).st_mode, _ENTER)
        for name in files:
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                _add(Path(folder, name), mode, _READ)


def _closed(mode: int) -> bool:
    if stat.S_ISDIR(mode):
        return mode & _ENTER != _ENTER
    return stat.S_ISREG(mode) and not mode & _READ


def _add(path: Path, mode: int, bits: int) -> None:
    if mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)
