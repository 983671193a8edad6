"""How lineage is told on the command line: the same shape from whatever end it was asked."""

from __future__ import annotations

from collections.abc import Sequence

from lab.cli.output import Output
from lab.cli.shapes import Shape, dataset_version_shape, deployment_shape, model_version_shape
from lab.domain.lineage import CodeTree, Lineage, TreeFile
from lab.domain.resources import format_size
from lab.domain.text import count_of

_SHOWN = 10  # files of one kind that are shown to people; JSON has more


def lineage_shape(found: Lineage) -> Shape:
    """`files` are the first 200 of each manifest that is named under `versions` and `code`."""
    return {
        "data": found.data,
        "versions": [dataset_version_shape(item) for item in found.versions],
        "runs": [
            {"id": run.id, "name": run.name, "status": run.status.value, "purged": run.id in found.purged}
            for run in found.runs
        ],
        "models": [model_version_shape(item) for item in found.models],
        "deployments": [deployment_shape(item) for item in found.deployments],
        "unknown": list(found.unknown),
        "code": [
            {
                "manifest": one.tree,
                "run": one.run,
                "files": one.files,
                "bytes": one.bytes,
                "commit": one.commit or None,
                "dirty": one.dirty,
                "partial": one.partial,
            }
            for one in found.code
        ],
        "files": {
            manifest: [{"path": file.path, "object": file.digest, "bytes": file.size} for file in files]
            for manifest, files in found.files.items()
        },
    }


def tell(out: Output, found: Lineage) -> int:
    if out.json:
        out.document(lineage_shape(found))
        return 0
    out.line(found.data, "bold")
    runs = [f"{run.name} ({'purged' if run.id in found.purged else run.status.value})" for run in found.runs]
    facts = [("versions", ", ".join(item.ref for item in found.versions) or "none")]
    for version in found.versions:
        facts += [("", text) for text in _files(found.files.get(version.id, ()), version.files)]
    for one in found.code:
        facts.append(("code", _code(one)))
        facts += [("", text) for text in _files(found.files.get(one.tree, ()), one.files)]
    facts += [
        ("runs", ", ".join(runs) or "none saw it"),
        ("models", ", ".join(item.id for item in found.models) or "none"),
        ("deployments", ", ".join(f"{item.name} ({item.status.value})" for item in found.deployments) or "none"),
    ]
    out.facts(facts)
    for manifest in found.unknown:
        out.say(f"it also saw {manifest}, which is no dataset version of this lab")
    return 0


def _files(files: Sequence[TreeFile], total: int) -> list[str]:
    told = [f"  {file.path}  {format_size(file.size)}" for file in files[:_SHOWN]]
    more = max(total, len(files)) - len(told)
    return [*told, f"  and {count_of(more, 'file')} more"] if told and more > 0 else told


def _code(one: CodeTree) -> str:
    words = [one.tree.removeprefix("b3:")[:10], count_of(one.files, "file") if one.files else ""]
    words += [f"commit {one.commit[:10]}{', and changes since' if one.dirty else ''}" if one.commit else ""]
    words += ["partial: large files were left out" if one.partial else ""]
    return "  ".join(word for word in words if word)
