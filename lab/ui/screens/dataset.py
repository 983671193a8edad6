"""One dataset version: what is in it and what is wrong with it, what was expected, what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from lab.domain.datasets import DatasetVersion
from lab.domain.expectations import CheckReport, Result
from lab.domain.lineage import Lineage
from lab.domain.profiles import Profile
from lab.ui import actions
from lab.ui.render import checks, lineage, profile_pages, profiles, timeline
from lab.ui.render.glyphs import Row as Spans
from lab.ui.render.number import format_age, format_size
from lab.ui.render.rows import ListSource
from lab.ui.screens import dataset_jobs
from lab.ui.screens.data import FILE_COLUMNS, PREVIEW, file_rows, preview_columns, preview_rows
from lab.ui.screens.parts import Lines
from lab.ui.screens.tabs import Tabs
from lab.ui.screens.version_actions import VersionActions
from lab.ui.widgets.detail import Page
from lab.ui.widgets.frame_table import FrameTable
from lab.ui.widgets.table_messages import RowHighlighted, RowSelected, SortRequested

if TYPE_CHECKING:
    from lab.workspace import Workspace

#: A profile that is not there yet is made by itself when the version is at most this large, bytes.
AT_ONCE = 1 << 30
_TABS = (("profile", "Profile"), ("expect", "Expectations"), ("lineage", "Lineage"), ("preview", "Preview"),
         ("files", "Files"))  # fmt: skip
#: What enter does on each tab.
_LEADS = {"profile": "Column", "expect": "Rows", "lineage": "Open", "files": "Lineage of file"}
#: Lines of warnings above the columns, on low and on high terminals.
_FEW, _MANY = 4, 8


def version_heading(version: DatasetVersion, aliases: dict[str, int], now: float) -> list[Spans]:
    """Two lines: what it is; and its verdict, names and words."""
    rows = "" if version.rows is None else f"   {version.rows:,} rows × {len(version.columns):,} columns"
    files = f"   {version.files:,} file{'' if version.files == 1 else 's'}"
    first: Spans = [(f" {version.dataset}@{version.label}", "title"), (rows + files, ""),
                    (f"   {format_size(version.bytes)}   {format_age(version.created, now)}", "muted"),
                    (f"   {version.project}", "muted")]  # fmt: skip
    second: Spans = [(" ", "")]
    if version.retired:
        second.append(("removed; U brings it back   ", "warn"))
    verdict = timeline.verdict_mark(version.verdict)
    if verdict:
        second += [(verdict.text, verdict.token), ("   ", "")]
    names = [*timeline.aliases_of(version, aliases), *version.tags, *(["auto"] if version.auto else [])]
    if names:
        second.append((" ".join(names) + "   ", "primary"))
    second.append((version.note or version.message, "muted" if not version.note else ""))
    return [first, second]


class DatasetScreen(VersionActions):
    KIND = "dataset"
    MODE = "data"
    NOUNS = frozenset({"datasets"})
    BINDINGS: ClassVar = actions.bindings(actions.of_screen("dataset"))

    def __init__(self, ref: str, tab: str = "profile") -> None:
        super().__init__()
        self._ref = ref
        self._tab = tab
        self._version: DatasetVersion | None = None
        self._path = ""
        self._profile: Profile | None = None
        self._report: CheckReport | None = None
        self._results: list[Result] = []
        self._waiting = ""
        self._tried = ""
        self._file = ""

    def about_file(self, path: str) -> DatasetScreen:
        """Begin with the lineage of one of its files."""
        self._file, self._tab = path, "lineage"
        return self

    def trail(self) -> tuple[str, ...]:
        version = self._version
        return (f"{version.dataset}@{version.label}" if version else self._ref,)

    def lead(self) -> str:
        files = self.tabs.current == "profile" and self.has_class("-files")
        return "" if files else _LEADS.get(self.tabs.current, "")

    def body(self) -> ComposeResult:
        yield Lines([[(" reading …", "muted")], []], id="heading")
        yield Tabs(_TABS)
        with Container(id="tab-profile", classes="tab -shown"):
            yield Lines(id="troubles")
            with Container(classes="panes"):
                yield FrameTable(profiles.COLUMNS, sorts=False, empty="reading the profile …", id="columns")
                yield Page(empty="", id="other")
                yield Page(empty="enter shows a column", id="column", classes="drawer")
        with Container(id="tab-expect", classes="tab"):
            yield Lines(id="checks-line")
            yield FrameTable(checks.COLUMNS, empty="reading …", id="checks")
            yield Lines(id="sentence", classes="drawer")
            yield FrameTable((), empty="no failing row was kept", id="sample", pinned=1, classes="drawer")
        with Container(id="tab-lineage", classes="tab"):
            yield Lines(id="lineage-line")
            yield FrameTable(lineage.COLUMNS, empty="reading …", id="lineage")
        with Container(id="tab-preview", classes="tab"):
            yield FrameTable((), empty="not a table: no preview", id="preview")
        with Container(id="tab-files", classes="tab"):
            yield FrameTable(FILE_COLUMNS, empty="reading …", id="files")

    def on_mount(self) -> None:
        super().on_mount()
        self.every(0.25, self._look)
        self.tabs.choose(self._tab)

    # What it is about

    @property
    def version(self) -> DatasetVersion | None:
        return self._version

    @property
    def path(self) -> str:
        return self._path

    @property
    def tabs(self) -> Tabs:
        return self.query_one(Tabs)

    def _table(self, name: str) -> FrameTable:
        return self.query_one(f"#{name}", FrameTable)

    # Reading

    async def load(self) -> None:
        await self._read_again()
        self.tell_top()
        await self._load_tab()

    async def _read_again(self) -> None:
        """Age, verdict and names; what is in a version never changes."""
        version, aliases, path = await self.ask(lambda ws: _facts(ws, self._ref))
        self._version, self._path = version, path
        self.query_one("#heading", Lines).show(version_heading(version, aliases, time.time()))

    async def _load_tab(self) -> None:
        """Read what the shown tab shows; what is there already stays until then."""
        version, tab = self._version, self.tabs.current
        if version is None:
            return
        if tab == "profile":
            await self._load_profile(version)
        elif tab == "expect":
            self._show_report(await self.ask(lambda ws: ws.findings.report(version)))
        elif tab == "lineage":
            file = self._file
            found = await self.ask(
                lambda ws: ws.lineage.of_file(version, file) if file else ws.lineage.of_version(version)
            )
            if file == self._file:
                self._show_lineage(found)
        elif tab == "preview":
            names, rows = await self.ask(lambda ws: ws.datasets.preview(version, PREVIEW))
            self._table("preview").set_columns(preview_columns(names))
            self._table("preview").replace(ListSource(preview_rows(rows)))
        else:
            files = await self.ask(lambda ws: list(ws.datasets.files(version)))
            self._table("files").replace(ListSource(file_rows(files)))
            self.tabs.note("files", f"{len(files):,}")

    # The profile

    async def _load_profile(self, version: DatasetVersion) -> None:
        profile = self._profile
        if profile is None:
            profile = await self.ask(lambda ws: ws.findings.known_profile(version))
        if version is not self._version:
            return
        self._profile = profile
        if profile is not None:
            self._show_profile(profile)
        elif self._tried == version.ref:  # it was asked for before: not again by itself
            return
        elif version.bytes <= AT_ONCE:
            self._make_profile(version)
        else:
            size = format_size(version.bytes)
            self._table("columns").set_empty(f"no profile yet: {size} have to be read once\n\ni makes it")

    def _make_profile(self, version: DatasetVersion) -> None:
        """Have the profile made behind the screens, once at a time."""
        title = f"profile of {version.ref}"
        self._waiting, self._tried = title, version.ref
        self._table("columns").set_empty("making the profile: it is done once for a content …")
        if title in [job.title for job in self.lab.jobs.active]:
            return
        dataset_jobs.profile(self.lab, version, title)

    async def _look(self) -> None:
        """Take in what was made behind the screens."""
        version = self._version
        if not self._waiting or version is None or self._waiting in [job.title for job in self.lab.jobs.active]:
            return
        self._waiting = ""
        if self.tabs.current == "expect":
            await self._load_tab()
            return
        self._profile = await self.ask(lambda ws: ws.findings.known_profile(version))
        if self._profile is not None:
            self._show_profile(self._profile)
        else:
            self._table("columns").set_empty("the profile could not be made\n\n@ tells why, i tries again")

    def _show_profile(self, profile: Profile) -> None:
        found = profiles.troubles(profile)
        most = _MANY if self.has_class("-tall") else _FEW
        self.query_one("#troubles", Lines).show(profiles.trouble_rows(found, most))
        self.set_class(profile.table is None, "-files")
        if profile.table is not None:
            self._table("columns").replace(ListSource(profiles.column_rows(profile.table)))
            self.tabs.note("profile", f"{len(profile.table.columns):,}")
            self._show_column(self._table("columns").cursor_key)
        else:
            page = self.query_one("#other", Page)
            page.show(lambda width: profile_pages.files_page(profile, width))
            if self.tabs.current == "profile":
                page.focus()
            self.tell_keys()

    def _show_column(self, key: str | None) -> None:
        table = self._profile.table if self._profile else None
        if table is not None and key is not None and int(key) < len(table.columns):
            column, page = table.columns[int(key)], self.query_one("#column", Page)
            page.show(lambda width: profile_pages.column_page(column, table, width))
            page.scroll_home(animate=False)

    # Expectations and lineage

    def _show_report(self, report: CheckReport | None) -> None:
        self._report = report
        self._results = checks.worst_first(report) if report else []
        version = self._version
        name = version.dataset if version else "NAME"
        self._table("checks").set_empty(
            f"nothing is expected of this data, or it was not looked at yet (E does)\n\n"
            f"lab data expect {name} --infer\n\nproposes expectations from its profile, to be put into lab.toml"
        )
        self.query_one("#checks-line", Lines).show([checks.check_heading(report)] if report else [])
        self._table("checks").replace(ListSource(checks.check_rows(self._results)))
        self.tabs.note("expect", f"{len(report.failed)} fail" if report and report.failed else "")

    def _show_lineage(self, found: Lineage) -> None:
        row = lineage.lineage_heading(found)
        row += [("   esc: all of the version", "muted")] if self._file else []
        self.query_one("#lineage-line", Lines).show([row])
        self._table("lineage").replace(ListSource(lineage.lineage_rows(found, time.time())))

    # What the parts say

    def on_frame_table_row_highlighted(self, event: RowHighlighted) -> None:
        if event.table.id == "columns":
            self._show_column(event.key)
        elif event.table.id == "checks":
            self._show_sample(event.key)

    def on_frame_table_sort_requested(self, event: SortRequested) -> None:
        if event.table.id == "columns" and self._profile is not None and self._profile.table is not None:
            rows = profiles.column_rows(self._profile.table, event.column, event.reverse)
            event.table.replace(ListSource(rows))
            event.table.action_first()

    async def on_frame_table_row_selected(self, event: RowSelected) -> None:
        if event.table.id == "columns":
            self._show_column(event.key)
            self._open_drawer("#column")
        elif event.table.id == "checks":
            self._show_sample(event.key)
            self._open_drawer("#sample")
        elif event.table.id == "files":
            self._file = event.key
            self.show_tab("lineage")
        elif event.table.id == "lineage":
            await self._open(event.key)

    def _show_sample(self, key: str) -> None:
        if int(key) < len(self._results):
            one, table = self._results[int(key)], self._table("sample")
            sample = one.sample
            lines = profiles.wrap(one.sentence, self.size.width - 2)
            self.query_one("#sentence", Lines).show([[(f" {line}", "bold")] for line in lines])
            table.set_empty("no failing row was kept: the rule is not about rows, or holds")
            table.set_columns(checks.sample_columns(sample) if sample.rows else ())
            table.replace(ListSource(checks.sample_rows(sample)))

    async def _open(self, key: str) -> None:
        """Go to what a line of the lineage is about."""
        kind, _, name = key.partition(" ")
        if kind in ("run", "model", "deployment"):
            await self.lab.show_object(kind, name)
        elif kind == "version" and self._version is not None and name != self._version.ref:
            await self.app.push_screen(DatasetScreen(name, "lineage"))

    def _open_drawer(self, part: str) -> None:
        """Show the part below or beside the list; on narrow terminals in its place, with the focus."""
        self.add_class("-open")
        if self.has_class("-narrow"):
            self.query_one(part).focus()

    def close_inner(self) -> bool:
        if self.has_class("-open"):
            self.remove_class("-open")
            self.tabs.choose(self.tabs.current)
            self._table({"expect": "checks"}.get(self.tabs.current, "columns")).focus()
            return True
        if self._file and self.tabs.current == "lineage":
            self._file = ""
            self.start(self._load_tab(), "tab")
            return True
        return False

    def show_tab(self, key: str) -> None:
        self.remove_class("-open")
        self.tabs.choose(key)
        self.tell_keys()
        self.start(self._load_tab(), "tab")

    # Actions

    def action_dataset_next_tab(self) -> None:
        self.show_tab(self.tabs.step(1))

    def action_dataset_previous_tab(self) -> None:
        self.show_tab(self.tabs.step(-1))

    def action_dataset_older(self) -> None:
        self.start(self._step(-1), "step")

    def action_dataset_newer(self) -> None:
        self.start(self._step(1), "step")

    async def _step(self, by: int) -> None:
        """Show the version before or after this one, at the same tab."""
        version = self._version
        if version is None:
            return
        other = await self.before(version, by)
        if other is None:
            self.lab.tell(f"{version.label} is the {'latest' if by > 0 else 'first'} version")
            return
        self._ref, self._profile, self._file, self._waiting = other.ref, None, "", ""
        self.reload()

    def action_dataset_warnings(self) -> None:
        profile = self._profile
        if profile is not None:
            if self.tabs.current != "profile":
                self.show_tab("profile")
            found = profiles.troubles(profile)
            self.query_one("#column", Page).show(lambda width: profiles.trouble_page(found, width))
            self._open_drawer("#column")

    def action_dataset_check(self) -> None:
        version = self._version
        if version is None:
            return
        title = f"checking {version.ref}"
        self.show_tab("expect")
        self._waiting = title
        dataset_jobs.check(self.lab, version, title)

    async def open_version(self, tab: str) -> None:
        """It is shown already: go to the tab, and make the profile if there is none."""
        self.show_tab(tab)
        if tab == "profile" and self._version is not None and self._profile is None and not self._waiting:
            self._make_profile(self._version)


def _facts(ws: Workspace, ref: str) -> tuple[DatasetVersion, dict[str, int], str]:
    """The version, the aliases of its dataset and its path, on a core thread."""
    version = ws.datasets.get(ref)
    path = next(
        (one.path for one in ws.datasets.list() if (one.project, one.name) == (version.project, version.dataset)), ""
    )
    return version, dict(ws.datasets.aliases(version)), path
