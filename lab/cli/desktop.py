"""`lab desktop`: an entry and an icon for launchers of desktops that follow freedesktop.org."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.errors import UsageError

commands = Declarations("Project")

_ICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="12" fill="#16202b"/>
<path d="M24 10h16M27 10v16L14 49a4 4 0 0 0 3.5 6h29a4 4 0 0 0 3.5-6L37 26V10" fill="none" stroke="#e8eef4" \
stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/>
<path d="M18 48l8-7 6 4 6-10 8 13z" fill="#56b4e9"/>
</svg>
"""
_RESERVED = re.compile(r"[\s\"'\\><~|&;$*?#()`%]")


@commands.add(
    "desktop",
    help="an entry and an icon for the desktop's launcher; --remove takes them away",
    example="lab desktop",
    arguments=(argument("--remove", action="store_true", help="take them away again"),),
)
def desktop(context: Context, args: Namespace) -> int:
    if sys.platform in ("darwin", "win32"):
        raise UsageError("this desktop has no entries of freedesktop.org", "start lab in a terminal")
    entry, icon = places(os.environ)
    if args.remove:
        for path in (entry, icon):
            path.unlink(missing_ok=True)
    else:
        for path, text in ((icon, _ICON), (entry, entry_text(_program(), icon))):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    context.out.say("removed" if args.remove else "written; the launcher shows Lab as soon as it has looked again")
    if context.out.json:
        context.out.document({"entry": str(entry), "icon": str(icon), "removed": args.remove})
    else:
        context.out.line(str(entry))
        context.out.line(str(icon))
    return 0


def places(env: Mapping[str, str]) -> tuple[Path, Path]:
    """Where entry and icon are for one user (XDG base directories)."""
    data = Path(env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "applications" / "lab.desktop", data / "icons" / "hicolor" / "scalable" / "apps" / "lab.svg"


def _program() -> list[str]:
    beside = Path(sys.executable).parent / "lab"
    found = str(beside) if beside.is_file() else which("lab")
    return [found] if found else [sys.executable, "-m", "lab"]


def entry_text(program: list[str], icon: Path) -> str:
    """The entry (Desktop Entry Specification 1.5)."""
    lines = {
        "Type": "Application", "Version": "1.5", "Name": "Lab", "GenericName": "Machine learning lab",
        "Comment": "Data, runs, models and deployments on this machine", "Exec": " ".join(map(_quoted, program)),
        "Icon": _escaped(str(icon)), "Terminal": "true", "Categories": "Development;Science;",
        "Keywords": "machine learning;training;experiments;",
    }  # fmt: skip
    return "\n".join(["[Desktop Entry]", *(f"{key}={value}" for key, value in lines.items()), ""])


def _quoted(word: str) -> str:
    """A word of `Exec`: quoted where it must be, then escaped as any string of the file."""
    if _RESERVED.search(word):
        word = '"' + re.sub(r'(["`$\\])', r"\\\1", word.replace("%", "%%")) + '"'
    return _escaped(word)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
