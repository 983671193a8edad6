"""What is found out about a dataset version behind the screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.domain.datasets import DatasetVersion
from lab.errors import UsageError
from lab.ui import actions
from lab.ui.jobs import Job

if TYPE_CHECKING:
    from lab.ui.app import LabApp


def profile(app: LabApp, version: DatasetVersion, title: str) -> None:
    """Make its profile."""

    async def work(job: Job) -> str:
        await app.bridge.ask(lambda ws: ws.findings.profile(version, job.say))
        return f"the profile of {version.ref} is made"

    app.background(title, actions.command(actions.get("data.profile"), ref=version.ref), work)


def check(app: LabApp, version: DatasetVersion, title: str) -> None:
    """Hold it against what is expected of it. The job fails where nothing is."""

    async def work(job: Job) -> str:
        report = await app.bridge.ask(lambda ws: ws.findings.check(version, job.say))
        if report is None:
            raise UsageError(f"nothing is expected of {version.dataset}",
                             f"lab data expect {version.dataset} --infer proposes something")  # fmt: skip
        return f"{version.ref}: {len(report.failed)} of {len(report.results)} expectations fail"

    app.background(title, actions.command(actions.get("dataset.check"), ref=version.ref), work)
