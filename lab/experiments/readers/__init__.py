"""Readers of what other tools record, one per file. None imports the tool whose files it reads."""
