from __future__ import annotations

from pathlib import Path

from lab.stores.gc import BadRoot, Cached, Cost, Garbage, Plan
from lab.stores.trash import Batch
from lab.stores.usage import Share, Space, Usage
from lab.ui.render import disk

NOW = 1_800_000_000.0
KB = 1024


def usage(**changes: object) -> Usage:
    none = Space()
    parts: dict[str, object] = {
        "owners": {"run calm-otter": Share(0, 100 * KB), "dataset p/d@v1": Share(50 * KB, 100 * KB),
                   "image none": Share(0, 0)},
        "manifests": {}, "unowned": 10 * KB, "unreadable": ("b3:bad",), "objects": Space(3, 160 * KB, 160 * KB),
        "trash": Space(1, KB, 4 * KB),
    }  # fmt: skip
    for name in ("lists", "assembled", "mounts", "caches", "quarantine", "staging", "folders"):
        parts[name] = none
    return Usage(**{**parts, **changes})  # type: ignore[arg-type]


def plan(**changes: object) -> Plan:
    facts: dict[str, object] = {
        "made": NOW, "grace": 1.0, "cache_age": 1.0,
        "goes": (Cost("b3:" + "a" * 64, "", 3, 90 * KB, 80 * KB),),
        "stays": (Cost("b3:" + "b" * 64, "needed", 1, 50 * KB, 40 * KB), Cost("b3:" + "c" * 64, "in use", 1, 5, 5),
                  Cost("b3:" + "d" * 64, "written lately", 1, 5, 5)),
        "objects": (Garbage("a" * 64, 80 * KB), Garbage("e" * 64, 20 * KB)),
        "caches": (Cached("tree", Path("/x/\x1b[2J"), 7 * KB, 90_000.0),), "kept_bytes": 60 * KB, "young": 5,
    }  # fmt: skip
    return Plan(**{**facts, **changes})  # type: ignore[arg-type]


def text(spans: list[tuple[str, str]]) -> str:
    return "".join(part for part, _ in spans)


def test_owners_by_what_only_they_hold() -> None:
    rows = disk.owner_rows(usage())
    assert [row.key for row in rows][:2] == ["dataset p/d@v1", "run calm-otter"]
    first = [cell.text for cell in rows[0].cells]
    assert first[:2] == ["dataset", "p/d@v1"]
    assert first[3:] == ["50 KB", "100 KB", "150 KB"]
    assert first[2] == "███▍░░░░░░"
    assert [cell.text for cell in rows[1].cells][2] == "░░░░░░░   "
    kinds = [row.cells[0].text for row in rows]
    assert kinds == ["dataset", "run", "no owner", "trash", "damaged"]
    assert "b3:bad" in rows[-1].cells[1].text
    assert text(disk.usage_heading(usage(), 5 * KB)).startswith(" 164 KB in 4 files")


def test_of_very_many_owners_those_that_hold_least_are_one_row() -> None:
    rows = disk.owner_rows(usage(owners={f"run r{at}": Share(5000 - at, 0) for at in range(2500)}, unreadable=()))
    assert [row.key for row in rows[1999:2002]] == ["run r1999", "others 500 more hold less than these", rows[2001].key]
    assert rows[2000].cells[3].text == "1.3 MB"


def test_a_bar_shows_what_is_there() -> None:
    assert disk.share_bar(0, 0, 100, 10) == " " * 10
    assert disk.share_bar(1, 0, 1_000_000, 10) == " " * 10, "next to nothing is no tenth"
    assert disk.share_bar(1, 0, 40, 10) == "▎" + " " * 9
    assert disk.share_bar(1, 0, 40, 10, plain=True) == " " * 10
    assert disk.share_bar(0, 100, 100, 10) == "░" * 10
    assert disk.share_bar(30, 70, 100, 10) == "███░░░░░░░"
    assert disk.share_bar(50, 50, 100, 10) == "█████░░░░░"
    assert disk.share_bar(50, 50, 100, 10, plain=True) == "#####-----"
    assert disk.share_bar(5, 5, 0, 4) == "    "


def test_what_goes_is_told_before_what_stays_and_why() -> None:
    owners = {"b3:" + "b" * 64: ("dataset p/d@v1", "run a", "run b", "run c", "run d", "run e")}
    rows = [[cell.text for cell in row.cells] for row in disk.plan_rows(plan(), owners)]
    assert [row[0] for row in rows] == ["▲ goes"] * 3 + ["● stays"] * 3
    assert rows[0][1:] == ["content aaaaaaaaaa", "80 KB", "90 KB", "nobody needs it any more"]
    assert rows[1][1:3] == ["objects of nothing", "20 KB"]
    assert "unused for 1d 1h" in rows[2][4]
    assert rows[3][1] == "dataset p/d@v1"
    assert rows[3][4] == "needed, also by run a, run b, run c and 2 more"
    assert rows[4][4] == "in use right now"
    assert rows[5][4] == "written lately"
    heading = "\n".join(map(text, disk.plan_heading(plan())))
    assert "100 KB could go to the trash for 14 days, 7 KB of caches be free at once" in heading
    assert "60 KB stay, 5 B more for having been written within a day" in heading


def test_a_root_that_cannot_be_read_is_told() -> None:
    found = plan(goes=(), objects=(), caches=(), bad_roots=(BadRoot("b3:" + "f" * 64, "it is [/x] gone"),), held=9)
    heading = "\n".join(map(text, disk.plan_heading(found)))
    assert "nothing to free" in heading
    assert "so no object goes: it is [/x] gone" in heading
    assert "9 B more until all lists can be read" in heading


def test_the_trash() -> None:
    rows = disk.trash_rows([Batch("2026-11-02-1f0c9a3e", NOW - 3600, NOW, 2, 1234, 5 * KB, 3)], NOW)
    assert [cell.text for cell in rows[0].cells][:5] == ["2026-11-02-1f0c9a3e", "1h ago", "3", "1,234", "2"]


def test_hostile_owners(hostile: str) -> None:
    rows = disk.owner_rows(usage(owners={hostile: Share(1, 2)}, unreadable=(hostile,)))
    assert rows[0].key == hostile
    one = plan(stays=(Cost(hostile, hostile, 1, 1, 1),))
    assert disk.plan_rows(one, {hostile: (hostile,) * 9})
