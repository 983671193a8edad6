import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import ConflictError
from lab.stores.locks import hold, share

HOLDER = """
import sys
from pathlib import Path
from lab.stores.locks import hold
with hold(Path(sys.argv[1]), 5):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "dataset-x.lock"
    mine = f"dataset-x is in use by process {os.getpid()}"
    with hold(lock), pytest.raises(ConflictError, match=mine), hold(lock):
        pytest.fail("two holders")
    with hold(lock):
        assert lock.read_text() == str(os.getpid())


def test_it_waits_for_another_process_and_survives_its_death(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ConflictError, match=f"process {holder.pid}"), hold(lock, 0.05):
        pass
    holder.kill()
    holder.wait(10)
    holder.stdout.close()
    with hold(lock, 5):
        assert lock.read_text() == str(os.getpid())


def test_sharers_share_and_keep_holders_out(tmp_path: Path) -> None:
    lock = tmp_path / "store.lock"
    refused = pytest.raises(ConflictError, match="store is in use by another process")
    with share(lock), share(lock, 0), refused, hold(lock):
        pytest.fail("held while it was shared")
    mine = f"store is in use by process {os.getpid()}"
    with hold(lock), pytest.raises(ConflictError, match=mine), share(lock, 0):
        pytest.fail("shared while it was held")
    with share(lock, 0):
        assert lock.read_text() == ""
