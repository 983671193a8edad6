from dataclasses import dataclass

from lab.datasets.narration import Narration, narrate

MB = 1 << 20


@dataclass(frozen=True)
class Done:
    files: int
    files_total: int
    bytes: int
    bytes_total: int


def test_it_tells_twice_a_second_and_of_the_end() -> None:
    told: list[str] = []
    now = 10.0
    narration = Narration(told.append, lambda: now)
    for step in range(100):
        now = 10 + step * 0.01
        narration.files(Done(step, 100, step * MB, 100 * MB))
    assert told == ["0/100 files, 0 B of 100 MB", "50/100 files, 50 MB of 100 MB"]
    now = 14.0
    narration.files(Done(80, 100, 80 * MB, 100 * MB))
    assert told[-1] == "80/100 files, 80 MB of 100 MB, 20 MB/s, 1 s left"
    for _ in range(3):
        narration.files(Done(100, 100, 100 * MB, 100 * MB))
    assert told[3:] == ["100/100 files, 100 MB of 100 MB, 25 MB/s"]


def test_bytes_alone() -> None:
    told: list[str] = []
    Narration(told.append).bytes(0, 0)
    assert told == ["0 B of 0 B"]
    assert narrate(None) is None
