from __future__ import annotations

from lab.domain.guards import Firing
from lab.domain.runs import Run, RunStatus
from lab.domain.system import Sample, SystemHistory
from lab.ui.render.cells import width_of
from lab.ui.render.glyphs import Row
from lab.ui.render.system import firing_rows, system_rows, vitals_row

GB = 1 << 30
RUN = Run("r1", "n", "p", "train", RunStatus.RUNNING, started=0.0, cpu_time=30.0, peak_memory=GB)


def sample(at: float, memory: int = GB, gpu: float | None = None) -> Sample:
    return Sample(at, 1.5, memory, memory, 2048.0, 0.0, 3.0, 0, 0, gpu, GB if gpu is not None else 0, 4 * GB)


def words(rows: list[Row]) -> str:
    return "\n".join("".join(text for text, _ in row) for row in rows)


def test_one_line_tells_what_matters() -> None:
    assert vitals_row(SystemHistory((), 0)) == []
    row = vitals_row(SystemHistory(tuple(sample(at) for at in range(200)), 2 * GB))
    assert "cpu 1.50" in words([row])
    assert "memory 1 GB of 2 GB" in words([row])
    assert "read 2 KB/s" in words([row])
    assert "write" not in words([row])
    assert not [token for _, token in row if "warn" in token]
    tight = vitals_row(SystemHistory((sample(1, 2 * GB - 1),), 2 * GB))
    assert [token for _, token in tight if "warn" in token], "memory is nearly used up"


def test_all_that_was_seen_fits_and_keeps_peaks() -> None:
    samples = [sample(at, 2 * GB if at == 777 else GB // 2, 0.5) for at in range(3000)]
    for width in (80, 160):
        rows = system_rows(SystemHistory(tuple(samples), 2 * GB), RUN, width, 60.0)
        assert all(width_of(words([row])) <= width for row in rows)
        told = words(rows)
        assert "▇" in next(line for line in told.split("\n") if line.startswith(" memory")), "one peak in 3,000 looks"
        assert "30" in told
        assert "0.500 cores on average" in told or "0.5 cores on average" in told
        assert "gpu memory" in told
    assert "nothing was noted" in words(system_rows(SystemHistory((), 0), RUN, 80, 60.0))


def test_guards_that_fired_are_told_with_their_evidence() -> None:
    firings = [Firing("r1", f"g{number}", "x", "stop", 1.0, 1.0, f"loss was {number}") for number in range(5)]
    told = words(firing_rows(firings))
    assert "guard 'g0' (stop): loss was 0" in told
    assert "and 3 more" in told
    assert firing_rows([]) == []
