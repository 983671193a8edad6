"""Processes that write, read and hold a lab home, for tests that kill them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def crew(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs `script` with this checkout's Lab; what it prints can be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


#: Appends events and prints each one's id when it is acknowledged. Arguments: home, how many (0: until killed), name.
WRITER = """
import sys
from pathlib import Path
from lab.events import GOVERNANCE
from lab.journal import Journal
from lab.paths import LabHome
home, count, name = LabHome(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
journal = Journal(home, GOVERNANCE)
number = 0
while not count or number < count:
    subject = f"{name}-{number}"
    kind = "run.created" if number % 3 == 0 else "run.noted"
    print(journal.append(kind, subject, {"name": subject, "project": "p", "entry": "t", "notes": "x"}).id, flush=True)
    number += 1
"""

#: Opens the catalog and takes in what comes, until killed. Prints `up` once, then its mode.
HOLDER = """
import sys, time
from pathlib import Path
from lab.catalog.connection import Catalog
from lab.paths import LabHome
catalog = Catalog(LabHome(Path(sys.argv[1])), wait=5.0)
print("holder" if catalog.holder else "follower", flush=True)
while True:
    catalog.refresh()
    if len(sys.argv) > 2:
        catalog.publish()
    time.sleep(0.001)
"""
