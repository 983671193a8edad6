"""Which words are explained: those of what is shown, and not their namesakes."""

from __future__ import annotations

from lab import learn
from lab.ui.explained import of_text


def test_a_model_version_is_no_version_of_data() -> None:
    assert of_text(["digits:v1   http://127.0.0.1:8840"]) == [("model version", "digits:v1")]
    assert ("v1", "and") in of_text(["digits@v1 v1 and"])
    entry = learn.find("model version")
    assert entry is not None
    assert "alias" in entry.what


def test_each_state_of_a_deployment_is_explained_as_what_it_is() -> None:
    words = {}
    for state in ("ready", "starting", "unhealthy", "asleep"):
        entry = learn.find(state)
        assert entry is not None, state
        words[state] = entry.word
    assert words == {"ready": "ready", "starting": "starting", "unhealthy": "unhealthy", "asleep": "sleep"}
