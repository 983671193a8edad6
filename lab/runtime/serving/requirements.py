"""What the server needs beyond the model's own requirements. Standard library only: the host reads it too."""

from __future__ import annotations

#: Added to a model's `requirements.txt` (which pins what opens it) when its serving image is built.
SERVING_REQUIREMENTS = (
    "numpy>=2,<3",
    "uvicorn>=0.30,<1",
    "httptools>=0.6,<1",
    "uvloop>=0.21,<1",
    "orjson>=3.10,<4",
)
