"""The dataset room through its front door: versions, marks, working copies, findings, lineage, care of the store."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from shop import ROWS, write_rows

from lab.domain.datasets import Verdict
from lab.errors import ConflictError, GateRejectedError, NotFoundError, UsageError
from lab.journal import Journal
from lab.stores.objects import ObjectStore
from lab.workspace import Workspace

TWENTY_THOUSAND = """\
import os
for part in range(50):
    os.mkdir(str(part))
    for number in range(400):
        with open(f"{part}/{number}.new", "w") as file:
            file.write(str(part))
        os.rename(f"{part}/{number}.new", f"{part}/{number}")
"""


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def add(ws: Workspace, **options: object):  # type: ignore[no-untyped-def]
    version, _ = ws.datasets.add("sales", "data/sales.csv", **options)  # type: ignore[arg-type]
    return version


# -- versions and marks ------------------------------------------------------------------------------------------------


def test_marks_are_changed_and_the_version_never_is(ws: Workspace, project: Path) -> None:
    first = add(ws)
    assert ws.datasets.tag(first.ref, ["raw", "raw", "small"]).tags == ("raw", "small")
    assert ws.datasets.note("sales", "as delivered").note == "as delivered"
    assert ws.datasets.tag(first.ref, []).tags == ()
    ws.datasets.alias(first.ref, "prod")
    assert ws.datasets.get("sales@prod").number == 1
    write_rows(project, ROWS[:3])
    second = add(ws)
    ws.datasets.alias(second.ref, "prod")
    assert ws.datasets.get("sales@prod").number == 2
    ws.datasets.unalias("sales", "prod")
    with pytest.raises(NotFoundError):
        ws.datasets.get("sales@prod")
    with pytest.raises(UsageError, match="names a version by number"):
        ws.datasets.alias(second.ref, "v7")
    assert ws.datasets.get(f"sales@{first.short}").id == first.id


def test_a_retired_version_is_out_of_sight_and_comes_back(ws: Workspace, project: Path) -> None:
    first = add(ws)
    write_rows(project, ROWS[:3])
    second = add(ws)
    ws.datasets.alias(second.ref, "prod")
    with pytest.raises(ConflictError, match="prod"):
        ws.datasets.retire(second.ref)
    ws.datasets.retire(first.ref)
    assert [item.number for item in ws.datasets.versions("sales") if not item.retired] == [2]
    assert ws.datasets.list()[0].versions == 1
    assert ws.datasets.retire("sales@v1", undo=True).retired is False
    write_rows(project, ROWS)
    third = add(ws)
    assert third.number == 3, "a number is given once, also when the content is known"
    assert third.id == first.id


def test_what_was_marked_is_there_after_a_rebuild(ws: Workspace) -> None:
    first = add(ws)
    ws.datasets.tag(first.ref, ["raw"])
    ws.datasets.note(first.ref, "a note")
    ws.datasets.alias(first.ref, "prod")
    before = ws.datasets.get("sales@prod")
    ws.rebuild()
    assert ws.datasets.get("sales@prod") == before
    assert before.verdict is Verdict.OK


def test_rows_of_a_file_that_grew_are_counted_by_its_tail(
    ws: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number},{number % 900},{'x' * 40}" for number in range(200_000)]
    write_rows(project, rows)
    (project / "lab.toml").write_text('[project]\nname = "shop"\n')
    first = add(ws)
    assert first.bytes > 8 << 20
    more = [f"{number},1,y" for number in range(200_000, 200_100)]
    with (project / "data" / "sales.csv").open("a") as file:
        file.write("\n".join(more) + "\n\n")
    with monkeypatch.context() as patch:
        patch.setattr("lab.datasets.schema.inspect", lambda *_: pytest.fail("the whole file was read"))
        second = add(ws)
    assert (second.rows, second.columns) == (200_100, first.columns)
    with (project / "data" / "sales.csv").open("a") as file:
        file.write('1,2,"quoted\nacross lines"')
    third = add(ws)
    assert third.rows == 200_101
    with (project / "data" / "sales.csv").open("a") as file:
        file.write("\n5,5,5\n")
    assert add(ws).rows == 200_102, "the line that had no end yet is not counted twice"


def test_a_lost_version_does_not_keep_the_next_one_from_being_added(ws: Workspace, project: Path) -> None:
    first = add(ws)
    shutil.rmtree(ws.home.manifests)
    ws.home.manifests.mkdir()
    write_rows(project, ROWS[:3])
    second = add(ws)
    assert (second.number, second.rows) == (2, 3)
    assert first.id in {hit.finding.id for hit in ws.store.verify().hits}


# -- the working copy --------------------------------------------------------------------------------------------------


def test_checkout_never_loses_what_is_in_no_version(ws: Workspace, project: Path) -> None:
    first = add(ws)
    write_rows(project, ROWS[:3])
    add(ws)
    _, changes = ws.datasets.status("sales")
    assert changes.clean
    ws.datasets.checkout("sales@v1")
    assert (project / "data" / "sales.csv").read_text().splitlines()[-1] == ROWS[-1]
    assert os.access(project / "data" / "sales.csv", os.W_OK)
    (project / "data" / "sales.csv").write_text("id,amount,bought\n9,9,9\n8,8,8\n7,7,7\n")
    with pytest.raises(ConflictError, match="in no version"):
        ws.datasets.checkout("sales@v2")
    assert "9,9,9" in (project / "data" / "sales.csv").read_text()
    _, _, stashed = ws.datasets.checkout("sales@v2", stash=True)
    assert stashed is not None
    ws.datasets.checkout(stashed.ref)
    assert "9,9,9" in (project / "data" / "sales.csv").read_text()
    assert ObjectStore(ws.home).verify(ws.datasets.manifest(first).files[0].hash)


def test_checkout_elsewhere_leaves_the_working_copy_alone(ws: Workspace, project: Path, tmp_path: Path) -> None:
    add(ws)
    write_rows(project, ["dirty"])
    _, place, _ = ws.datasets.checkout("sales@v1", to=tmp_path / "copy.csv")
    assert place.read_text().splitlines()[1:] == ROWS
    assert "dirty" in (project / "data" / "sales.csv").read_text()


def test_links_empty_folders_and_pipes_are_told(ws: Workspace, project: Path) -> None:
    folder = project / "folder"
    (folder / "empty").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "latest").symlink_to("a.txt")
    os.mkfifo(folder / "pipe")
    told: list[str] = []
    first, _ = ws.datasets.add("tree", folder, progress=told.append)
    assert "pipe is left out: it is a pipe, socket or device" in told
    assert ws.datasets.others(first) == ({"latest": "a.txt"}, ("empty",))
    (folder / "a.txt").chmod(0o755)
    (folder / "empty").rmdir()
    second, new = ws.datasets.add("tree", folder)
    assert new
    found = ws.findings.diff(first, second)
    assert not found.identical
    assert [(entry.path, entry.sign) for entry in found.files.entries] == [("a.txt", "~"), ("empty", "-")]


# -- findings ----------------------------------------------------------------------------------------------------------


def test_blocked_data_is_kept_and_moves_no_alias(ws: Workspace, project: Path) -> None:
    told: list[str] = []
    write_rows(project, [*ROWS, "4,-5,0"])
    version, _ = ws.datasets.add("sales", "data/sales.csv", progress=told.append)
    assert version.verdict is Verdict.BLOCKED
    assert any("amount" in sentence for sentence in told)
    with pytest.raises(GateRejectedError, match="does not meet its expectations"):
        ws.datasets.alias(version.ref, "prod")
    report = ws.findings.report(version)
    assert report is not None
    assert {(result.rule, result.column) for result in report.failed} == {("unique", "id"), ("range", "amount")}
    write_rows(project, ROWS)
    good = add(ws)
    assert good.verdict is Verdict.OK
    ws.datasets.alias(good.ref, "prod")


def test_an_alias_asks_for_what_is_expected_now(ws: Workspace, project: Path) -> None:
    settings = project / "lab.toml"
    strict = settings.read_text()
    settings.write_text(strict.partition("[datasets.sales.expect]")[0])
    write_rows(project, [*ROWS, "4,-5,0"])
    version = add(ws)
    assert version.verdict is Verdict.NONE
    settings.write_text(strict)
    with pytest.raises(GateRejectedError, match="does not meet its expectations"):
        ws.datasets.alias(version.ref, "prod")
    assert ws.datasets.get(version.ref).verdict is Verdict.BLOCKED
    settings.write_text(strict.partition("[datasets.sales.expect]")[0])
    assert ws.datasets.alias(version.ref, "prod").verdict is Verdict.NONE


def test_a_profile_is_made_once_for_a_content(ws: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = add(ws)
    known = ws.findings.known_profile(version)
    assert known is not None, "a small version's profile is made when it is added"
    assert known.table is not None
    assert known.table.label == "bought"
    monkeypatch.setattr("lab.datasets.profile.compute", lambda *_: pytest.fail("computed again"))
    assert ws.findings.profile(version) == known
    write_rows(project, ROWS[:3])
    monkeypatch.undo()
    add(ws)
    write_rows(project, ROWS)
    again = add(ws)
    assert ws.findings.known_profile(again) == known
    path = next(ws.home.profiles.iterdir())
    path.write_text("{")
    for other in ws.home.profiles.iterdir():
        other.write_text("{")
    assert ws.findings.profile(version) == known, "one that is damaged is made again"


def test_a_difference_uses_the_declared_key(ws: Workspace, project: Path) -> None:
    first = add(ws)
    write_rows(project, ["1,10,0", "2,25,1", "4,40,0", "5,50,1"])
    second = add(ws)
    diff = ws.findings.diff(first, second)
    assert diff.rows is not None
    assert (diff.rows.key, diff.rows.inserted, diff.rows.deleted, diff.rows.changed) == (("id",), 1, 1, 1)
    assert (diff.old, diff.new) == ("v1", "v2")
    assert ws.findings.diff(first, first).identical


def test_proposed_expectations_hold_for_the_version_itself(ws: Workspace, project: Path) -> None:
    version = add(ws)
    text = ws.findings.infer(version)
    toml = (project / "lab.toml").read_text()
    start, end = toml.index("[datasets.sales.expect]"), toml.index("[entries.train]")
    (project / "lab.toml").write_text(toml[:start] + text + "\n" + toml[end:])
    report = ws.findings.check(version)
    assert report is not None
    assert report.ok, [result.sentence for result in report.failed]


# -- lineage -----------------------------------------------------------------------------------------------------------


def test_lineage_is_answered_both_ways(ws: Workspace, project: Path) -> None:
    from lab.domain.launch import LaunchRequest

    first = add(ws)
    run = ws.runs.wait(ws.runs.launch(LaunchRequest("train")).id, timeout=120)
    assert run.cause == "finished"
    (run_folder := ws.home.run(run.id).model).mkdir(exist_ok=True)
    (run_folder / "signature.json").write_text('{"framework": "none"}')
    model = ws.models.register(run.id, "guess")
    found = ws.lineage.of_version(first)
    assert [item.id for item in found.runs] == [run.id]
    assert [item.id for item in found.models] == [model.id]
    assert [item.ref for item in ws.lineage.of_model(model).versions] == [first.ref]
    of_file = ws.lineage.of_file(first, "sales.csv")
    assert [item.id for item in of_file.runs] == [run.id]
    assert [item.id for item in ws.lineage.of_content(project / "data" / "sales.csv").runs] == [run.id]
    write_rows(project, ROWS[:3])
    told: list[str] = []
    ws.runs.launch(LaunchRequest("train"), told.append)
    assert any("the working copy has changed since" in sentence for sentence in told)
    second = add(ws)
    assert not ws.lineage.of_version(second).runs
    assert not ws.lineage.of_content(project / "data" / "sales.csv").runs
    with pytest.raises(NotFoundError, match="no file"):
        ws.lineage.of_file(first, "other.csv")


# -- watching ----------------------------------------------------------------------------------------------------------


def watched(project: Path) -> None:
    toml = (project / "lab.toml").read_text()
    (project / "lab.toml").write_text(toml.replace('key = "id"', 'key = "id"\nwatch = true'))


def test_a_watched_file_gets_versions_by_itself(ws: Workspace, project: Path) -> None:
    watched(project)
    ws.projects.place()
    ws.start()
    until(lambda: ws.datasets.versions("sales"))
    write_rows(project, ROWS[:3])
    until(lambda: len(ws.datasets.versions("sales")) == 2)
    until(lambda: ws.datasets.versions("sales")[0].verdict is Verdict.OK)
    newest = ws.datasets.versions("sales")[0]
    assert (newest.auto, newest.rows) == (True, 3)


def test_a_file_that_is_written_all_the_time_gets_a_version(
    ws: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.datasets import watch

    monkeypatch.setattr(watch, "LONGEST", 4.0)
    watched(project)
    ws.projects.place()
    stop = threading.Event()

    def write() -> None:
        with (project / "data" / "sales.csv").open("a", buffering=1) as file:
            number = 100
            while not stop.wait(0.002):
                file.write(f"{number},1,0\n")
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        ws.start()
        until(lambda: ws.datasets.versions("sales"))
    finally:
        stop.set()
        writer.join()
    (version, *_) = ws.datasets.versions("sales")
    _, entry = ws.datasets.mount(version)
    assert entry.read_text().startswith("id,amount,bought\n1,10,0\n")


# -- care of the store -------------------------------------------------------------------------------------------------


def rot(ws: Workspace, digest: str) -> None:
    path = ObjectStore(ws.home).path(digest)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    path.chmod(0o444)


def test_rot_is_found_and_told_and_mended_from_the_working_copy(ws: Workspace, project: Path) -> None:
    version = add(ws)
    digest = ws.datasets.manifest(version).files[0].hash
    assert not ws.store.verify().hits
    rot(ws, digest)
    (hit,) = ws.store.verify().hits
    assert hit.owners == (f"dataset {version.ref}",)
    assert not hit.mended
    (mended,) = ws.store.verify(mend=True).hits
    assert mended.mended
    assert mended.repair is not None
    assert "working copy" in mended.repair.source
    assert not ws.store.verify().hits
    _, entry = ws.datasets.mount(version)
    assert entry.read_text().splitlines()[1:] == ROWS


def test_rot_without_a_good_copy_is_told_and_never_served(ws: Workspace, project: Path) -> None:
    version = add(ws)
    digest = ws.datasets.manifest(version).files[0].hash
    rot(ws, digest)
    write_rows(project, ["something else"])
    (hit,) = ws.store.verify(mend=True).hits
    assert not hit.mended
    assert hit.repair is not None
    assert hit.repair.set_aside, "it is set aside, not deleted"
    with pytest.raises(Exception, match="missing"):
        ws.datasets.mount(version)


def test_rot_is_mended_from_a_remote(ws: Workspace, project: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    toml = (project / "lab.toml").read_text().replace('key = "id"', f'key = "id"\nremote = "file://{remote}"')
    (project / "lab.toml").write_text(toml)
    version = add(ws)
    ws.sharing.push("sales")
    rot(ws, ws.datasets.manifest(version).files[0].hash)
    write_rows(project, ["something else"])
    (hit,) = ws.store.verify(mend=True).hits
    assert hit.mended
    assert hit.repair is not None
    assert str(remote) in hit.repair.source


def test_what_nothing_needs_goes_to_the_trash_and_comes_back(ws: Workspace, project: Path) -> None:
    first = add(ws)
    write_rows(project, ROWS[:3])
    second = add(ws)
    ws.datasets.retire(first.ref)
    assert not ws.store.plan().goes, "what is younger than a day stays"
    _age(ws.home.store)
    plan = ws.store.plan()
    assert [cost.id for cost in plan.goes] == [first.id]
    freed = ws.store.collect(plan)
    assert freed.batch
    with pytest.raises(NotFoundError):
        ws.datasets.manifest(first)
    assert ws.datasets.preview(second)[1]
    ws.store.restore(freed.batch)
    ws.datasets.retire(first.ref, undo=True)
    assert len(ws.datasets.preview(ws.datasets.get("sales@v1"))[1]) == len(ROWS)
    assert not ws.store.verify().hits


def _age(store: Path) -> None:
    """As if everything were two days old."""
    then = time.time() - 2 * 86_400
    for root, _, files in os.walk(store):
        for name in files:
            os.utime(Path(root, name), (then, then))


def _add_often(home: Path, project: Path, name: str, rounds: int) -> None:
    (project / name).mkdir(exist_ok=True)
    with Workspace(home, project) as ws:
        for number in range(rounds):
            (project / name / "a.csv").write_text(f"x\n{number % 3}\n{name}\n")
            version, _ = ws.datasets.add(name, name)
            if number:
                old = ws.datasets.versions(name)[-1]
                if not old.retired and old.number != version.number:
                    ws.datasets.retire(old.ref)


def _collect_often(home: Path, project: Path, rounds: int) -> None:
    with Workspace(home, project) as ws:
        for _ in range(rounds):
            _age(ws.home.store)
            with suppress(ConflictError):  # adders without a pause between them keep it out for a while
                ws.store.collect(ws.store.plan())


def test_adds_never_race_gc(ws: Workspace, project: Path) -> None:
    add(ws)
    context = multiprocessing.get_context("spawn")
    crew = [
        context.Process(target=_add_often, args=(ws.home.root, project, "one", 15)),
        context.Process(target=_add_often, args=(ws.home.root, project, "two", 15)),
        context.Process(target=_collect_often, args=(ws.home.root, project, 25)),
    ]
    for process in crew:
        process.start()
    for process in crew:
        process.join(300)
        assert process.exitcode == 0
    ws.refresh()
    for dataset in ws.datasets.list():
        for version in ws.datasets.versions(dataset.name, dataset.project):
            if not version.retired:
                ws.datasets.mount(version)
    assert not [hit for hit in ws.store.verify().hits if hit.owners]


# -- to and fro --------------------------------------------------------------------------------------------------------


def test_a_version_goes_to_a_remote_and_comes_to_another_lab(ws: Workspace, project: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    version = add(ws, message="as delivered")
    ws.sharing.push("sales", str(remote))
    (_, _, presence), *_ = ws.sharing.presence(["sales"], str(remote))
    assert presence.state == "both"
    other = tmp_path / "elsewhere"
    shutil.copytree(project, other)
    (other / "data" / "sales.csv").unlink()
    with Workspace(tmp_path / "home2", other) as away:
        pulled, new, moved, missing = away.sharing.pull("sales", str(remote))
        assert (pulled.id, new, moved.files, list(missing)) == (version.id, True, 1, [])
        assert pulled.message == "as delivered"
        away.datasets.checkout("sales")
        assert (other / "data" / "sales.csv").read_text() == (project / "data" / "sales.csv").read_text()
        assert away.sharing.pull("sales@v1", str(remote))[1] is False
        with pytest.raises(NotFoundError, match="has no sales@v9") as refused:
            away.sharing.pull("sales@v9", str(remote))
        assert refused.value.hint == "there are: v1"
    with pytest.raises(UsageError, match="has no remote"):
        ws.sharing.push("sales")


def test_both_ends_mean_the_same_by_a_number(ws: Workspace, project: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    add(ws)
    write_rows(project, ROWS[:3])
    second = add(ws)
    for ref in ("sales@v1", "sales@v2"):
        ws.sharing.push(ref, str(remote))
    other = tmp_path / "elsewhere"
    shutil.copytree(project, other)
    with Workspace(tmp_path / "home2", other) as away:
        assert away.sharing.pull("sales", str(remote))[0].label == "v2"
        assert away.sharing.pull("sales@v1", str(remote))[0].label == "v1"
        assert away.datasets.get("sales").id == second.id
        assert [item.number for item in away.datasets.versions("sales")] == [2, 1]
    write_rows(other, [*ROWS, "9,9,1"])
    with Workspace(tmp_path / "home3", other) as third:
        mine, _ = third.datasets.add("sales", "data/sales.csv")
        pulled, *_ = third.sharing.pull("sales@v1", str(remote))
        assert (mine.label, pulled.label) == ("v1", "v2")  # the number is taken


def test_what_was_pulled_in_part_is_no_damage(ws: Workspace, project: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    (project / "images").mkdir()
    for number in range(4):
        (project / "images" / f"{number}.txt").write_text(f"picture {number}")
    ws.datasets.add("images", "images")
    ws.sharing.push("images", str(remote))
    other = tmp_path / "elsewhere"
    shutil.copytree(project, other)
    with Workspace(tmp_path / "home2", other) as away:
        _, _, moved, missing = away.sharing.pull("images", str(remote), ["0.txt", "1.txt"])
        assert (moved.files, sorted(missing)) == (2, ["2.txt", "3.txt"])
        found = away.store.verify()
        assert (found.hits, found.away) == ((), 2)
        _, _, moved, missing = away.sharing.pull("images", str(remote))
        assert (moved.files, list(missing)) == (2, [])
        assert away.store.verify().away == 0


def test_rot_is_found_in_quiet_moments(ws: Workspace) -> None:
    version = add(ws)
    digest = ws.datasets.manifest(version).files[0].hash
    assert ws.store.scrub() == []
    rot(ws, digest)
    assert ws.store.scrub() == [], "a round is over, the next one has time"
    ws.home.scrub_state.unlink()
    (told,) = ws.store.scrub()
    assert "lab data verify" in told
    assert list(ws.store.known_damage()) == [digest]
    assert not next(check for check in ws.doctor() if check.name == "store").ok


@pytest.mark.slow
def test_twenty_thousand_new_files_all_come_into_a_version(ws: Workspace, project: Path) -> None:
    """Far more at once than the system tells of."""
    folder = project / "many"
    folder.mkdir()
    (folder / "first").write_text("1")
    (project / "lab.toml").write_text('[project]\nname = "shop"\n[datasets.many]\npath = "many"\nwatch = true\n')
    ws.projects.place()
    ws.start()
    until(lambda: ws.datasets.versions("many"))
    # In a process of its own, which the watcher cannot keep up with.
    subprocess.run([sys.executable, "-c", TWENTY_THOUSAND], cwd=folder, check=True)
    until(lambda: ws.datasets.versions("many")[0].files == 20_001, 120)


def test_the_profile_of_a_large_version_is_made_behind_the_users_back(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.datasets.findings.AT_ONCE", 10)
    version = add(ws)
    until(lambda: ws.findings.known_profile(version) is not None)


def test_a_run_counts_with_its_folder_and_an_environment_with_its_files(ws: Workspace) -> None:
    journal = Journal(ws.home, ())
    for id, name in (("abc", "alone"), ("twin1", "twin"), ("twin2", "twin")):
        journal.append("run.created", id, {"name": name, "project": "p", "entry": "t"})
        (ws.home.runs / id).mkdir()
        (ws.home.runs / id / "stdout.log").write_bytes(b"x" * 50_000)
    journal.append("deployment.created", "dep1", {"name": "served", "model": "m", "version": 1, "port": 1})
    (ws.home.deployments / "dep1").mkdir(parents=True)
    (ws.home.deployments / "dep1" / "state.json").write_bytes(b"x" * 9_000)
    journal.close()
    add(ws)
    usage = ws.store.usage()
    for owner in ("run alone", "run twin (twin1)", "run twin (twin2)"):
        assert usage.owners[owner].exclusive >= 50_000, owner
    assert usage.owners["deployment served"].exclusive >= 9_000
    assert usage.folders.apparent >= 50_000
    assert usage.total.on_disk > usage.folders.on_disk


def test_what_dvc_tracked_is_taken_over_and_found_by_its_md5(ws: Workspace) -> None:
    fixtures = Path(__file__).parents[2] / "unit" / "datasets" / "dvc_projects" / "version3"
    found = ws.sharing.import_dvc(fixtures)
    taken = [item for item in found if item.version is not None]
    assert taken
    for item in taken:
        assert item.version is not None
        md5 = item.version.origin["md5"]
        assert ws.datasets.get(f"{item.name}@{md5[:8]}") == item.version
    again = ws.sharing.import_dvc(fixtures)
    assert not any(item.new for item in again)
