"""Rows of text files: counted at reading speed, and put right where polars would misread them.

Blank lines are no rows here, and a quote inside an unquoted cell (`5" disk`) is a character like any other, as in
Python's csv. Polars takes both otherwise.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lab.dataclass import dataclass
from lab.datasets.formats import NotATableError

_BUFFER = 1 << 20
_LINE_MAX = 16 << 20
_IN_MEMORY = 16 << 20
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class Survey:
    """`records` that hold something, a header among them; `blank` lines; whether every quote is where it belongs."""

    records: int
    blank: int = 0
    quoted: bool = False
    regular: bool = True


def survey(path: Path, separator: str, count_irregular: bool = True) -> Survey:
    """Count the records of a CSV or TSV file. Raises NotATableError for endless lines, OSError.

    Those of a file with stray quotes are counted slowly, by parsing it, or left at 0.
    """
    records = blank = 0
    quoted = inside = False
    for chunk in _whole_lines(path):
        if inside or b'"' in chunk:
            quoted = True
            ends, inside = _quoted_ends(chunk, separator, inside)
            if ends is None:
                break
            found, empty = len(ends), _blank_between(chunk, ends, separator)
        else:
            found, empty = _count(chunk, separator)
        records += found - empty
        blank += empty
    else:
        if not inside:
            return Survey(records, blank, quoted)
    return Survey(_careful(path, separator) if count_irregular else 0, blank, quoted=True, regular=False)


def straighten(path: Path, separator: str, found: Survey) -> BinaryIO:
    """A copy without blank lines and with its quotes put right, small ones in memory, others nameless on disk.

    It goes when nobody reads it any more.
    """
    copy = _nameless(path)
    copy.writelines((_without_blanks if found.regular else _requoted)(path, separator))
    copy.seek(0)
    return copy


def plain_json(line: bytes) -> bytes:
    """A line of JSON with null for NaN and infinities, which Python writes there and polars does not read.

    Raises ValueError or RecursionError for what is no JSON.
    """
    if b"NaN" not in line and b"Infinity" not in line:
        return line
    return json.dumps(json.loads(line, parse_constant=lambda _: None)).encode() + b"\n"


def straighten_json(path: Path) -> BinaryIO:
    """A copy of a JSON lines file, as `straighten` makes it, with every line as `plain_json` has it."""
    copy = _nameless(path)
    with path.open("rb", buffering=_BUFFER) as file:
        copy.writelines(plain_json(line) for line in lines(file))
    copy.seek(0)
    return copy


def is_blank(line: bytes, separator: str) -> bool:
    return not line.strip(b" \r\n" if separator == "\t" else b" \t\r\n\v\f")


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, none of them endless."""
    for line in iter(functools.partial(file.readline, _LINE_MAX), b""):
        if len(line) == _LINE_MAX:
            raise _too_long()
        yield line


def _nameless(path: Path) -> BinaryIO:
    """Room for a copy. Whoever reads it outlives the one who made it, so nothing can close it."""
    return io.BytesIO() if path.stat().st_size <= _IN_MEMORY else TemporaryFile()


def _too_long() -> NotATableError:
    return NotATableError(f"a line is longer than {_LINE_MAX >> 20} MB")


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The file in pieces that end with a newline, which the last line is given if it has none."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        first = file.read(_BUFFER)
        for piece in itertools.chain([first.removeprefix(_BOM)], iter(functools.partial(file.read, _BUFFER), b"")):
            end = piece.rfind(b"\n") + 1
            if end:
                yield rest + piece[:end]
                rest = piece[end:]
            else:
                rest += piece
                if len(rest) > _LINE_MAX:
                    raise _too_long()
    if rest:
        yield rest + b"\n"


def _count(chunk: bytes, separator: str) -> tuple[int, int]:
    """Lines of a chunk without quotes, and how many of them are blank."""
    data = np.frombuffer(chunk, np.uint8)
    newline = data == _NEWLINE
    # A blank line begins with white space; whether one that begins so is blank, is seldom asked.
    suspect = data[0] <= 32 or bool((newline[:-1] & (data[1:] <= 32)).any())
    empty = sum(is_blank(line, separator) for line in chunk.split(b"\n")[:-1]) if suspect else 0
    return int(np.count_nonzero(newline)), empty


def _quoted_ends(chunk: bytes, separator: str, inside: bool) -> tuple[NDArray[np.intp] | None, bool]:
    """Where records end in a chunk, and whether it ends inside quotes; None if a quote stands where none belongs.

    Every second quote opens a cell and follows a separator, a line's beginning or the quote that it doubles; the
    others close one and stand before a separator, a line's end or the quote that doubles them (RFC 4180, part 2).
    """
    data = np.frombuffer(chunk, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    newlines = np.flatnonzero(data == _NEWLINE)
    opening, closing = (quotes[1::2], quotes[0::2]) if inside else (quotes[0::2], quotes[1::2])
    mark = ord(separator)
    before = data[np.maximum(opening - 1, 0)]
    opens = (opening == 0) | (before == mark) | (before == _NEWLINE) | (before == _QUOTE)
    after = data[closing + 1]
    closes = (after == mark) | (after == _NEWLINE) | (after == _RETURN) | (after == _QUOTE)
    if not (opens.all() and closes.all()):
        return None, inside
    passed = np.searchsorted(quotes, newlines) + inside
    return newlines[passed % 2 == 0], bool((len(quotes) + inside) % 2)


def _blank_between(chunk: bytes, ends: NDArray[np.intp], separator: str) -> int:
    """Blank lines among the records that end at `ends`."""
    if not len(ends):
        return 0
    data = np.frombuffer(chunk, np.uint8)
    starts = np.concatenate(([0], ends[:-1] + 1))
    suspects = np.flatnonzero(data[starts] <= 32)
    return sum(is_blank(chunk[starts[at] : ends[at]], separator) for at in suspects)


def _careful(path: Path, separator: str) -> int:
    """Records by Python's csv: it parses lines with a quote, and as many after them as belong to their record."""
    records = 0
    with _opened(path) as file:
        source = lines(file)
        for line in source:
            if b'"' in line:
                records += bool(_record(line, source, separator))
            elif not is_blank(line, separator):
                records += 1
    return records


def _opened(path: Path) -> BinaryIO:
    """The file, past the byte order mark that it may begin with."""
    file = path.open("rb", buffering=_BUFFER)
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    return file


def _record(line: bytes, source: Iterator[bytes], separator: str) -> list[str]:
    """Consume one record that begins with `line`: its cells."""
    text = (part.decode("utf-8", "replace") for part in itertools.chain([line], source))
    try:
        return next(csv.reader(text, delimiter=separator), [])
    except csv.Error as error:
        raise NotATableError(f"{error}: perhaps a quote is never closed") from error


def _without_blanks(path: Path, separator: str) -> Iterator[bytes]:
    inside = False
    with _opened(path) as file:
        for line in lines(file):
            if inside or not is_blank(line, separator):
                yield line
            inside ^= bool(line.count(b'"') % 2)


def _requoted(path: Path, separator: str) -> Iterator[bytes]:
    """Lines without blank ones; records with a quote are parsed and written anew."""
    with _opened(path) as file:
        source = lines(file)
        for line in source:
            if b'"' in line:
                text = io.StringIO()
                csv.writer(text, delimiter=separator, lineterminator="\n").writerow(_record(line, source, separator))
                yield text.getvalue().encode("utf-8", "replace")
            elif not is_blank(line, separator):
                yield line
