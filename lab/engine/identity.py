"""Who is who: the lab home, this boot of the machine, and processes that outlive the one that started them."""

from __future__ import annotations

import os
import secrets
import subprocess
from functools import cache
from pathlib import Path

from lab.paths import LabHome

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def home_id(home: LabHome) -> str:
    """The id of `home`, made at first need; 16 hexadecimal digits. It stays when the home is moved."""
    try:
        return home.id_file.read_text().strip()
    except FileNotFoundError:
        pass
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = home.id_file.with_name(f"id.{os.getpid()}.{secrets.token_hex(4)}")
    fresh.write_text(secrets.token_hex(8) + "\n")
    try:
        os.link(fresh, home.id_file)  # unlike a rename it does not replace the id of a process that was quicker
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return home.id_file.read_text().strip()


@cache
def boot_id() -> str:
    """Something that changes with every boot of this machine."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    asked = subprocess.run(["sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
