"""Copies of files: by reference where the filesystem can, else by the kernel; holes stay holes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator

from lab.stores.durable import write_all

_FICLONE = 0x40049409  # _IOW(0x94, 9, int) of linux/fs.h
_NEVER = frozenset({errno.EOPNOTSUPP, errno.EXDEV, errno.ENOTTY, errno.ENOSYS, errno.EINVAL})
_NOT_THIS = frozenset({errno.EPERM, errno.EACCES, errno.ETXTBSY})
_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)
_CHUNK = 4 << 20

# Pairs of filesystems, by device number, that were asked once and cannot share bytes.
_refused: set[tuple[int, int]] = set()
_kernel_copy = getattr(os, "copy_file_range", None)  # Linux only


def clone(source: int, dest: int) -> bool:
    """Let the empty file `dest` share all bytes of `source` (descriptors), as they are at this moment.

    False where their filesystems cannot do it; a pair of filesystems is asked only once.
    """
    pair = (os.fstat(source).st_dev, os.fstat(dest).st_dev)
    if pair in _refused:
        return False
    try:
        fcntl.ioctl(dest, _FICLONE, source)
    except OSError as error:
        if error.errno in _NEVER:
            _refused.add(pair)
        elif error.errno not in _NOT_THIS:
            raise
        return False
    return True


def append(source: int, dest: int, at: int) -> int:
    """Copy all of `source` to the offset `at` of `dest`, where nothing is yet; returns the bytes copied.

    Raises OSError (EIO) if `source` is shorter than it says.
    """
    size = os.fstat(source).st_size
    for start, end in _extents(source, size):
        _copy_range(source, dest, start, at + start, end - start)
    if os.fstat(dest).st_size < at + size:
        os.ftruncate(dest, at + size)
    return size


def write_sparse(fd: int, data: bytes | memoryview) -> None:
    """`write_all` that steps over blocks of zeros; at the end of the file `end_sparse` must follow."""
    view = memoryview(data)
    for at in range(0, len(view), _BLOCK):
        block = view[at : at + _BLOCK]
        if len(block) == _BLOCK and bytes(block) == _ZEROS:
            os.lseek(fd, _BLOCK, os.SEEK_CUR)
        else:
            write_all(fd, block)


def end_sparse(fd: int) -> None:
    """Give the file the size that was written, a hole at its end included."""
    os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_CUR))


def _extents(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Where there is data: pairs of start and end."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                return
            if error.errno not in _NEVER:
                raise
            start, end = at, size  # no holes known here
        yield start, end
        at = end


def _copy_range(source: int, dest: int, start: int, to: int, length: int) -> None:
    done = _copy_in_kernel(source, dest, start, to, length)
    while done < length:
        part = os.pread(source, min(_CHUNK, length - done), start + done)
        if not part:
            raise OSError(errno.EIO, "a file ends before its size")
        os.lseek(dest, to + done, os.SEEK_SET)
        write_all(dest, part)
        done += len(part)


def _copy_in_kernel(source: int, dest: int, start: int, to: int, length: int) -> int:
    """Bytes that the kernel copied: all, or fewer where it cannot."""
    done = 0
    while _kernel_copy is not None and done < length:
        try:
            part = _kernel_copy(source, dest, length - done, start + done, to + done)
        except OSError as error:
            if error.errno not in _NEVER and error.errno not in _NOT_THIS:
                raise
            break
        if part == 0:
            break
        done += part
    return done
