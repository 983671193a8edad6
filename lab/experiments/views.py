"""Saved ways to look at a project's run table: filter, order, columns."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict

from lab.catalog import views as catalog_views
from lab.catalog.connection import Catalog
from lab.domain.names import check_name
from lab.domain.query import parse_filter, parse_orders
from lab.domain.text import clean
from lab.domain.views import RunView
from lab.errors import NotFoundError
from lab.events import VIEW_SAVED
from lab.journal import Journal


class Views:
    """The saved views of all projects."""

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog

    def list(self, project: str) -> Sequence[RunView]:
        """Those of a project, by name."""
        return catalog_views.views(self._catalog, project)

    def get(self, project: str, name: str) -> RunView:
        """One of them. Raises NotFoundError with the nearest name."""
        found = {view.name: view for view in self.list(project)}
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"did you mean {near[0]}?" if near else "lab runs view ls shows what there is"
            raise NotFoundError(f"no view {clean(name)!r} in project {clean(project)}", hint)
        return found[name]

    def save(self, view: RunView) -> RunView:
        """Keep a view, in place of one of the same name. Raises UsageError where its filter or order is wrong."""
        check_name("view", view.name)
        parse_filter(view.filter)
        if view.sort:
            parse_orders(view.sort)
        self._tell(view, removed=False)
        return view

    def remove(self, project: str, name: str) -> RunView:
        """Forget a view. Raises NotFoundError if there is none."""
        view = self.get(project, name)
        self._tell(view, removed=True)
        return view

    def _tell(self, view: RunView, *, removed: bool) -> None:
        body = {**asdict(view), "columns": list(view.columns), "removed": removed}
        self._journal.append(VIEW_SAVED, f"{view.project}/{view.name}", body)
        self._catalog.refresh()
