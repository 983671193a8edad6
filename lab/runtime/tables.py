"""Files that hold a table: what they may be called. Standard library only: the host reads it too."""

from __future__ import annotations

#: The ending of a file's name → the format in it.
FORMATS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
