"""`lab data push|pull|remote|export|import`: versions that come and go."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from lab.cli.context import Context
from lab.cli.declare import Declarations, argument
from lab.cli.shapes import dataset_version_shape, listing
from lab.cli.tables import Column
from lab.domain.resources import format_size

commands = Declarations("Data")

_REF = argument("ref", metavar="REF", completes="dataset", help="NAME, NAME@v2, NAME@ALIAS or NAME@HASH")
_REMOTE = argument(
    "--remote", metavar="REMOTE", default="", help="a name from lab.toml, a URL or a folder (default: the dataset's)"
)
_FILES = 20  # files that are shown to people; JSON has them all


@commands.add(
    "data",
    "push",
    help="copy a version to a remote: a folder, s3://, gs://, sftp://",
    example="lab data push digits --remote /mnt/nas/lab",
    arguments=(_REF, _REMOTE),
)
def push(context: Context, args: Namespace) -> int:
    out = context.out
    version, url, moved = context.ws.sharing.push(args.ref, args.remote, progress=out.progress)
    if out.json:
        out.document({**dataset_version_shape(version), "remote": url, "moved": asdict(moved)})
        return 0
    out.line(f"{version.dataset}@{version.label} is at {url}")
    out.say(f"files sent: {moved.files:,}, {format_size(moved.bytes)}; there already: {moved.skipped:,}")
    return 0


@commands.add(
    "data",
    "pull",
    help="bring a version from a remote; every byte is verified",
    example="lab data pull digits@v2 --remote /mnt/nas/lab",
    arguments=(
        argument("ref", metavar="REF", completes="dataset", help="NAME (its latest there), NAME@v2 or PROJECT/NAME@v2"),
        argument("only", metavar="PATTERN", nargs="*", help="bring only files that fit, such as 'images/*.png'"),
        _REMOTE,
    ),
)
def pull(context: Context, args: Namespace) -> int:
    out = context.out
    version, new, moved, missing = context.ws.sharing.pull(args.ref, args.remote, args.only, progress=out.progress)
    if out.json:
        shape = dataset_version_shape(version)
        out.document({**shape, "new": new, "moved": asdict(moved), "missing": list(missing)})
        return 0
    out.line(f"{version.dataset}@{version.label}  {'new here' if new else 'known here'}")
    out.say(f"files brought: {moved.files:,}, {format_size(moved.bytes)}; here already: {moved.skipped:,}")
    if missing:
        out.say(f"files still only at the remote: {len(missing):,}")
        out.hint(f"lab data pull {args.ref}")
    return 0


@commands.add(
    "data",
    "remote",
    help="what a remote has, or how much of given versions is here and there",
    example="lab data remote --remote /mnt/nas/lab",
    arguments=(
        argument("refs", metavar="REF", nargs="*", completes="dataset", help="versions (default: all that it names)"),
        _REMOTE,
    ),
)
def remote(context: Context, args: Namespace) -> int:
    out, sharing = context.out, context.ws.sharing
    if args.refs:
        found = sharing.presence(args.refs, args.remote)
        if out.json:
            out.document(
                listing(
                    {**asdict(state), "id": item.ref, "manifest": item.id, "remote": url, "state": state.state}
                    for item, url, state in found
                )
            )
            return 0
        out.table(
            [
                Column("version", keep=True),
                Column("state"),
                Column("to push", right=True),
                Column("to pull", right=True),
            ],
            [
                [item.ref, state.state, format_size(state.push_bytes), format_size(state.pull_bytes)]
                for item, _, state in found
            ],
        )
        return 0
    refs = sharing.offered(args.remote)
    if out.json:
        out.document({**listing(dataset_version_shape(item) for item in refs.versions), "damaged": list(refs.damaged)})
        return 0
    out.table(
        [Column("version", keep=True), Column("files", right=True), Column("size", right=True), Column("message")],
        [[item.ref, f"{item.files:,}", format_size(item.bytes), item.message] for item in refs.versions],
    )
    for name in refs.damaged:
        out.say(f"{name} claims to be a version and is none")
    return 0


@commands.add(
    "data",
    "export",
    help="write a version to a folder, .tar.zst, .tar.gz or .parquet",
    example="lab data export digits@v1 digits.parquet",
    arguments=(
        _REF,
        argument("dest", metavar="DEST", completes="path", help="its ending says what it becomes; none: a folder"),
        argument("--overwrite", action="store_true", help="replace what is there"),
    ),
)
def export(context: Context, args: Namespace) -> int:
    out = context.out
    version, place = context.ws.sharing.export(
        args.ref, context.path(args.dest), overwrite=args.overwrite, progress=out.progress
    )
    if out.json:
        out.document({**dataset_version_shape(version), "path": str(place)})
    else:
        out.line(f"{version.dataset}@{version.label} is at {place}")
    return 0


@commands.add(
    "data",
    "import",
    help="make versions of what a DVC project tracks; the project stays as it is",
    example="lab data import ../old-project",
    arguments=(
        argument("path", metavar="DIR", completes="path", help="the DVC project's folder"),
        argument("only", metavar="NAME", nargs="*", help="only these of its files and folders"),
    ),
)
def import_(context: Context, args: Namespace) -> int:
    """Exit code 1 if something could not be taken."""
    out = context.out
    found = context.ws.sharing.import_dvc(context.path(args.path), args.only, progress=out.progress)
    if out.json:
        out.document(
            listing(
                {
                    "name": item.name,
                    "path": item.path,
                    "new": item.new,
                    "version": dataset_version_shape(item.version) if item.version else None,
                    "reason": item.reason or None,
                }
                for item in found
            )
        )
    else:
        out.table(
            [Column("dataset", keep=True), Column("version"), Column("path"), Column("what happened")],
            [
                [
                    item.name if item.version else "",
                    item.version.label if item.version else "",
                    item.path,
                    item.reason or ("imported" if item.new else "known already"),
                ]
                for item in found
            ],
        )
        if not found:
            out.say("this DVC project tracks nothing")
    return 1 if any(item.version is None for item in found) else 0
