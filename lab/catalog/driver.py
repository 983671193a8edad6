"""DuckDB as the catalog uses it: the extension module alone.

The `duckdb` package is that module plus classes for expressions and relations, which the catalog does not use and which
make up three quarters of the package's loading time; every command would wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
else:
    import _duckdb as duckdb

__all__ = ["duckdb"]
