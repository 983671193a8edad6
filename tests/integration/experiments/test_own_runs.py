"""`track.run`: a run of the process that asks for one, and how the lab learns of its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import lab
from lab.domain.reproduction import parse_tolerance
from lab.domain.runs import Badge, Run, RunStatus
from lab.errors import ConflictError
from lab.stores.manifests import ManifestStore
from lab.workspace import Workspace

ROOT = Path(lab.__file__).parents[1]


class Trainer:
    """Runs scripts as a user does, outside any run, on a lab home of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.folder.mkdir()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        self.env |= {"PYTHONPATH": str(ROOT), "LAB_HOME": str(self.home)}

    def command(self, source: str, name: str = "train.py") -> list[str]:
        (self.folder / name).write_text("from lab import track\n" + source)
        return [sys.executable, name]

    def __call__(self, source: str, *arguments: str, name: str = "train.py") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command(source, name), *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def train(tmp_path: Path) -> Trainer:
    return Trainer(tmp_path)


@pytest.fixture
def look(train: Trainer) -> Iterator[Workspace]:
    with Workspace(train.home, train.folder, engine="process") as ws:
        yield ws


def only(ws: Workspace) -> Run:
    ws.refresh()
    ws.settle()
    (run,) = ws.runs.list().items
    return run


def code(ws: Workspace, run: Run) -> dict[str, int]:
    return {entry.path: entry.size for entry in ManifestStore(ws.home).read(run.code).files}


def test_a_block_is_a_run(train: Trainer, look: Workspace) -> None:
    (train.folder / "model.py").write_text("SIZE = 3\n")
    (train.folder / "unused.py").write_text("")
    done = train(
        "import model, os\n"
        "with track.run('first try!', params={'lr': 0.5, 'deep': True, 'shape': (1, 2)}, tags='a') as run:\n"
        "    for step in range(4): track.log(step=step, loss=1 / (step + 1))\n"
        "    open('plot.txt', 'w').write('x'); track.artifact('plot.txt')\n"
        "    print(run.id, track.params['lr'], track.run_dir().name)\n"
        "track.log(step=9, loss=9.0)\n"
        "print(sorted(name for name in os.environ if name.startswith('LAB_')), dict(track.params))\n",
        "--fast",
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = only(look)
    assert (run.status, run.cause, run.exit_code, run.engine) == (RunStatus.FINISHED, "finished", 0, "local")
    assert (run.name, run.project, run.entry, run.tags) == ("first-try", "work", "train", ("a",))
    assert run.params == {"lr": 0.5, "deep": True, "shape": "(1, 2)"}
    assert (run.metrics["loss"].last, run.metrics["loss"].count) == (0.25, 4)
    assert list(look.runs.history(run.id, "loss").steps) == [0, 1, 2, 3]
    folder = look.runs.folder(run.id)
    assert (folder.artifacts / "plot.txt").read_text() == "x"
    assert set(code(look, run)) == {"train.py", "model.py"}
    assert look.runs.spec(run.id).command == ("python", "train.py", "--fast")
    capture = look.captures.of(run.id)
    assert (capture.missing, [item.path for item in capture.outputs]) == ((), ["artifacts/plot.txt"])
    assert capture.software.packages["pytest"]
    assert capture.machine.cores > 0
    said = done.stdout.splitlines()
    assert said == [f"{run.id} 0.5 {run.id}", "step 9  loss=9", "['LAB_HOME'] {}"]


def test_exceptions_end_a_run_and_go_on_to_their_owner(train: Trainer, look: Workspace) -> None:
    done = train("with track.run('bad'):\n    track.log(loss=1)\n    raise ValueError('too\\nlarge')\n")
    assert done.returncode == 1
    assert "ValueError: too" in done.stderr
    run = only(look)
    assert (run.status, run.cause, run.exit_code) == (RunStatus.FAILED, "failed: ValueError: too large", 1)
    assert "raise ValueError" in "\n".join(look.runs.logs.tail(run.id, 20))
    assert run.metrics["loss"].last == 1


def test_other_ways_out(train: Trainer, look: Workspace) -> None:
    done = train(
        "for error in (SystemExit(0), SystemExit(7), KeyboardInterrupt()):\n"
        "    try:\n"
        "        with track.run(): raise error\n"
        "    except BaseException as caught: print(caught is error)\n"
    )
    assert done.stdout == "True\n" * 3
    look.refresh()
    look.settle()
    assert [(run.status, run.cause) for run in reversed(look.runs.list().items)] == [
        (RunStatus.FINISHED, "finished"),
        (RunStatus.FAILED, "failed: SystemExit: 7"),
        (RunStatus.STOPPED, "stopped by Ctrl-C"),
    ]


def test_a_killed_process_is_a_lost_run_and_a_living_one_is_running(train: Trainer, look: Workspace) -> None:
    source = "with track.run('long'):\n    track.log(loss=1)\n    print('up', flush=True)\n    input()\n"
    with subprocess.Popen(
        train.command(source), cwd=train.folder, env=train.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == "up\n"
        run = only(look)
        assert run.status is RunStatus.RUNNING
        assert run.metrics["loss"].last == 1
        assert look.runs.logs.tail(run.id) == ["up"]
        trainer.kill()
    run = only(look)
    assert (run.status, run.cause) == (RunStatus.LOST, "lost: its process is gone and it left no exit record")
    assert run.metrics["loss"].last == 1, "what it logged is there"


def test_a_run_that_is_known_is_looked_at_without_the_index(train: Trainer, look: Workspace) -> None:
    source = (
        "with track.run('long'):\n"
        "    for loss in (1, 2):\n"
        "        track.log(loss=loss, step=loss)\n        print('up', flush=True)\n        input()\n"
    )
    with subprocess.Popen(
        train.command(source), cwd=train.folder, env=train.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as trainer:
        assert trainer.stdin is not None
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == "up\n"
        run = only(look)
        trainer.stdin.write("\n")
        trainer.stdin.flush()
        assert trainer.stdout.readline() == "up\n"
        (now,) = look.runs.now([run])
        assert (run.metrics["loss"].last, now.metrics["loss"].last) == (1, 2)
        trainer.communicate("\n")
    assert look.runs.now([now]) == [], "it goes no more"
    assert look.runs.get(run.id).status is RunStatus.FINISHED, "which the journal was told of"


@pytest.mark.parametrize(("handler", "number"), [("default_int_handler", signal.SIGINT), ("SIG_IGN", signal.SIGTERM)])
def test_stopping_from_the_lab_is_ctrl_c_or_what_its_process_obeys(
    train: Trainer, look: Workspace, handler: str, number: int
) -> None:
    source = (
        f"import signal, time\nsignal.signal(signal.SIGINT, signal.{handler})\n"
        "with track.run('long'):\n    print('up', flush=True)\n    while True: time.sleep(0.05)\n"
    )
    with subprocess.Popen(
        train.command(source),
        cwd=train.folder,
        env=train.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == "up\n"
        look.runs.stop(only(look).id)
        assert trainer.wait(timeout=30) == -number
    run = only(look)
    assert (run.status, run.cause) == (RunStatus.STOPPED, "stopped by user")
    with pytest.raises(ConflictError, match="ended already"):
        look.runs.stop(run.id)


def test_inside_a_run_everything_goes_there(train: Trainer, look: Workspace) -> None:
    run_dir = train.folder / "run"
    run_dir.mkdir()
    train.env["LAB_RUN_DIR"] = str(run_dir)
    done = train("with track.run('mine', params={'lr': 1}) as run:\n    track.log(loss=1)\n    print(repr(run.id))\n")
    assert (done.returncode, done.stdout) == (0, "''\n")
    assert done.stderr.count("\n") == 1
    assert "around this already" in done.stderr
    assert [json.loads(line)["m"] for line in (run_dir / "events.jsonl").read_text().splitlines()] == [{"loss": 1}]
    assert not (run_dir / "exit.json").exists()
    assert look.runs.list().total == 0


def test_nothing_raises_where_no_lab_can_be_written(train: Trainer) -> None:
    (train.folder / "blocked").write_text("a file")
    train.env["LAB_HOME"] = str(train.folder / "blocked" / "home")
    done = train("with track.run('x') as run:\n    track.log(loss=1)\nprint('alive', repr(run.id))\n")
    assert (done.returncode, done.stdout) == (0, "step 0  loss=1\nalive ''\n")
    assert done.stderr.count("\n") == 1
    assert "nothing is kept" in done.stderr


def test_where_only_the_runtime_is_mounted_it_says_so(train: Trainer) -> None:
    mounted = train.folder / "mounted" / "lab"
    mounted.mkdir(parents=True)
    (mounted / "__init__.py").symlink_to(ROOT / "lab" / "__init__.py")
    (mounted / "runtime").symlink_to(ROOT / "lab" / "runtime")
    train.env["PYTHONPATH"] = str(mounted.parent)
    done = train("with track.run('x'):\n    track.log(loss=1)\n")
    assert (done.returncode, done.stdout) == (0, "step 0  loss=1\n")
    assert "not installed whole" in done.stderr


def test_many_runs_one_after_the_other_and_workers_that_fork(train: Trainer, look: Workspace) -> None:
    done = train(
        "import os\n"
        "before = len(os.listdir('/dev/fd'))\n"
        "for number in range(3):\n"
        "    with track.run(f'r{number}'):\n"
        "        track.log(x=number)\n"
        "        child = os.fork()\n"
        "        if not child: break\n"  # leaves the block in the child
        "        os.waitpid(child, 0)\n"
        "        track.log(x=number + 10)\n"
        "else:\n    print(len(os.listdir('/dev/fd')) - before)\n"
    )
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    look.refresh()
    look.settle()
    runs = look.runs.list().items
    assert {run.name: (run.status, run.metrics["x"].last) for run in runs} == {
        f"r{number}": (RunStatus.FINISHED, number + 10) for number in range(3)
    }


def test_a_project_gives_its_tree_its_name_and_its_entry(train: Trainer, look: Workspace) -> None:
    (train.folder / "lab.toml").write_text(
        '[project]\nname = "shop"\n[datasets.d]\npath = "d.csv"\n[entries.fit]\ncommand = "python train.py"\n'
    )
    (train.folder / "d.csv").write_text("a\n1\n")
    (train.folder / "unused.py").write_text("")
    train("with track.run(project='other', params={'seed': 5}): pass\nwith track.run('b'): pass\n")
    look.refresh()
    look.settle()
    second, first = look.runs.list().items
    assert (first.project, second.project, first.entry, first.seed) == ("other", "shop", "fit", 5)
    assert set(code(look, second)) == {"lab.toml", "train.py", "unused.py"}
    request = look.runs.rerun(second.id)
    assert (request.entry, request.engine) == ("train.py", "")


def test_a_notebook_keeps_the_cells_that_were_executed(train: Trainer, look: Workspace) -> None:
    """IPython is stood in for: what is read of it is `get_ipython().user_ns['In']`."""
    train.env["JPY_SESSION_NAME"] = "/home/me/Churn study.ipynb"
    train(
        "import sys, types\n"
        "shell = types.SimpleNamespace(user_ns={'In': ['', 'x = 1', 'with track.run():\\n    pass']})\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: shell)\n"
        "run = track.run('cells').start(); run.start()\n"
        "track.log(loss=1)\n"
        "run.end(); run.end()\n"
    )
    run = only(look)
    assert (run.engine, run.entry, run.status) == ("notebook", "Churn-study", RunStatus.FINISHED)
    (entry,) = (file for file in ManifestStore(look.home).read(run.code).files if file.path == "notebook.py")
    text = (look.home.objects / entry.hash[:2] / entry.hash[2:]).read_text()
    assert text == "# %% [1]\nx = 1\n\n# %% [2]\nwith track.run():\n    pass\n\n"
    with pytest.raises(ConflictError, match="notebook"):
        look.runs.rerun(run.id)


def test_frames_of_what_was_run(train: Trainer, look: Workspace) -> None:
    train(
        "for lr in (0.1, 0.2):\n"
        "    with track.run(params={'lr': lr}):\n"
        "        for step in range(3): track.log(step=step, loss=lr * step)\n"
    )
    look.refresh()
    look.settle()
    found = look.runs.frame("lr>0.15", columns=["lr", "loss", "loss.min"])
    assert found.rows() == [(0.2, 0.4, 0.0)]
    assert look.runs.frame(sort="lr")["lr"].to_list() == [0.1, 0.2]
    refs = [run.id for run in look.runs.list().items]
    assert look.runs.histories(refs, ["loss"])["value"].to_list() == [0.0, 0.2, 0.4, 0.0, 0.1, 0.2]
    assert look.runs.frame("engine:local").height == 2


def test_a_script_of_ones_own_is_reproduced_from_what_was_kept(train: Trainer, look: Workspace) -> None:
    (train.folder / "model.py").write_text("SIZE = 3\n")
    train(
        "import model, sys\n"
        "with track.run('mine', params={'lr': 0.5}):\n"
        "    for step in range(3): track.log(step=step, loss=model.SIZE * track.params['lr'] / float(sys.argv[1]))\n",
        "4",
    )
    run = only(look)
    (train.folder / "model.py").write_text("SIZE = 4\n")
    room = look.reproductions
    found = room.reproduce(run.id, room.plan(parse_tolerance([])), lambda line: None)
    assert (found.badge, found.attempts[0].rebuilt) == (Badge.BITWISE, True)
    assert found.attempts[0].run.engine == "process"


def test_what_is_printed_is_kept_and_goes_where_it_went(train: Trainer, look: Workspace) -> None:
    done = train(
        "import contextlib, io, logging, os, sys, threading\n"
        "print('before')\n"
        "before = sys.stdout\n"
        "with track.run('told'):\n"
        "    print('out', 1, end='!\\n'); print('err', file=sys.stderr); sys.stdout.writelines(['a', 'b\\n'])\n"
        "    logging.warning('careful')\n"
        "    with contextlib.redirect_stdout(io.StringIO()): print('elsewhere')\n"
        "    thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n"
        "    print('caf\\u00e9 \\udcff'.encode('utf-8', 'replace').decode(), sys.stdout.encoding == before.encoding,"
        " sys.stdout.fileno())\n"
        "    kept = sys.stdout\n"
        "assert sys.stdout is before\n"
        "print('behind', file=kept)\n"
        "with track.run('quiet', stdout=False): print('quiet')\n"
    )
    assert done.returncode == 0, done.stderr
    told = ["out 1!", "ab", "thread", "café ? True 1"]
    assert done.stdout.splitlines() == ["before", *told, "behind", "quiet"]
    assert done.stderr.splitlines() == ["err", "WARNING:root:careful"]
    look.refresh()
    look.settle()
    quiet, first = look.runs.list().items
    assert look.runs.logs.tail(first.id, 20) == ["out 1!", "err", "ab", "WARNING:root:careful", *told[2:]]
    assert look.runs.logs.tail(quiet.id, 20) == []


def test_a_full_disk_is_no_reason_to_print_nothing(train: Trainer, look: Workspace) -> None:
    done = train(
        "import os\n"
        "real = os.write\n"
        "def full(fd, data): raise OSError(28, 'No space left on device')\n"
        "with track.run('full'):\n"
        "    os.write = full; print('one'); os.write = real; print('two')\n"
    )
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n")
    assert look.runs.logs.tail(only(look).id, 20) == []


def test_versions_of_data_are_recorded_and_seen(train: Trainer, look: Workspace) -> None:
    (train.folder / "lab.toml").write_text(
        '[project]\nname = "shop"\n[datasets.sales]\npath = "d.csv"\n[datasets.more]\npath = "more"\n'
        '[entries.fit]\ncommand = "python train.py"\n'
    )
    (train.folder / "more").mkdir()
    (train.folder / "more" / "x.txt").write_text("x")
    for text in ("a\n1\n", "a\n2\n"):
        (train.folder / "d.csv").write_text(text)
        with Workspace(train.home, train.folder, engine="process") as ws:
            ws.datasets.add("sales", train.folder / "d.csv")
    source = (
        "    print(track.data('sales').read_text().split(), (track.data('more') / 'x.txt').exists())\n"
        "    track.log(loss=float(track.data('sales').read_text().split()[1]))\n"
    )
    for wish in ("['sales@v1', 'more']", "{'sales': 'v1', 'more': ''}", "('sales', 'more@v1')"):
        train(f"with track.run(data={wish}):\n{source}")
    look.refresh()
    look.settle()
    runs = look.runs.list().items[::-1]
    assert [run.datasets for run in runs] == [
        {"sales": "v1", "more": "v1"}, {"sales": "v1", "more": "v1"}, {"sales": "v2", "more": "v1"},
    ]  # fmt: skip
    assert [look.runs.logs.tail(run.id, 1) for run in runs] == [
        ["['a', '1'] True"],
        ["['a', '1'] True"],
        ["['a', '2'] True"],
    ]
    spec = look.runs.spec(runs[0].id)
    assert (spec.datasets["sales"].place, spec.datasets["sales"].manifest) == (
        "d.csv", look.datasets.get("shop/sales@v1").id,
    )  # fmt: skip
    room = look.reproductions
    assert room.reproduce(runs[0].id, room.plan(parse_tolerance([])), lambda line: None).badge is Badge.BITWISE
    again = look.runs.wait(look.runs.launch(look.runs.rerun(runs[0].id)).id, timeout=60)
    assert (again.status, again.datasets) == (RunStatus.FINISHED, {"sales": "v1", "more": "v1"})


def test_data_that_there_is_not_is_told_and_the_run_goes_on(train: Trainer, look: Workspace) -> None:
    done = train("with track.run(data=['nothing', 'odd@v7']): track.log(loss=1)\n")
    assert done.returncode == 0
    assert "dataset nothing is not recorded" in done.stderr
    assert "dataset odd is not recorded" in done.stderr
    run = only(look)
    assert (run.datasets, run.metrics["loss"].last) == ({}, 1)


def test_a_real_notebook(train: Trainer, look: Workspace) -> None:
    """Executed by a kernel of Jupyter's, as its server starts one."""
    (train.folder / "lab.toml").write_text('[project]\nname = "study"\n[datasets.d]\npath = "d.csv"\n')
    (train.folder / "d.csv").write_text("a\n1\n")
    cells = [
        "from lab import track\nprint('before')",
        "with track.run('whole', params={'lr': 0.5}, data='d') as run:\n"
        "    print('in the block', track.data('d').read_text().split())\n"
        "    for step in range(3): track.log(step=step, loss=1 / (step + 1))",
        "long = track.run('several cells').start()",
        "print('second cell'); track.log(loss=7)",
        "long.end()\nprint('behind')",
        "with track.run('bad'): raise ValueError('no')",
        "print('on it goes')",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    env = train.env | {
        "JPY_SESSION_NAME": str(train.folder / "Churn study.ipynb"),
        "IPYTHONDIR": str(train.home / "ipython"),
    }
    client = NotebookClient(
        notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(train.folder)}}
    )
    client.execute(env=env)
    shown = ["".join(item.get("text", "") for item in cell.outputs) for cell in notebook.cells]
    assert shown == ["before\n", "in the block ['a', '1']\n", "", "second cell\n", "behind\n", "", "on it goes\n"]
    assert notebook.cells[5].outputs[-1]["ename"] == "ValueError"
    look.refresh()
    look.settle()
    bad, long, whole = look.runs.list().items
    assert [(run.name, run.status) for run in (whole, long, bad)] == [
        ("whole", RunStatus.FINISHED), ("several-cells", RunStatus.FINISHED), ("bad", RunStatus.FAILED),
    ]  # fmt: skip
    assert {(run.engine, run.project, run.entry) for run in (whole, long, bad)} == {
        ("notebook", "study", "Churn-study")
    }
    assert (whole.datasets, whole.params, whole.metrics["loss"].count) == ({"d": "v1"}, {"lr": 0.5}, 3)
    assert look.runs.logs.tail(whole.id, 9) == ["in the block ['a', '1']"]
    assert look.runs.logs.tail(long.id, 9) == ["second cell"]
    assert bad.cause == "failed: ValueError: no"
    (entry,) = (file for file in ManifestStore(look.home).read(long.code).files if file.path == "notebook.py")
    text = (look.home.objects / entry.hash[:2] / entry.hash[2:]).read_text()
    assert [line for line in text.splitlines() if line.startswith("# %%")] == ["# %% [1]", "# %% [2]", "# %% [3]"]
