from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.indexes import hide_credentials, index_settings


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pip or uv settings of this machine."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr("sys.prefix", str(tmp_path))


def environ(tmp_path: Path, pip: str = "", uv: str = "", **variables: str) -> dict[str, str]:
    (tmp_path / "pip.ini").write_text(pip)
    (tmp_path / "uv.toml").write_text(uv)
    return {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.ini"),
        "UV_CONFIG_FILE": str(tmp_path / "uv.toml"),
        **variables,
    }


def test_nothing_set_is_nothing_passed(tmp_path: Path) -> None:
    settings = index_settings({"PIP_CONFIG_FILE": os.devnull}, inside=True)
    assert dict(settings.env) == {}
    assert settings.notes == ()
    assert settings.netrc is None
    assert not settings.loopback


def test_a_mirror_in_pips_file_reaches_both_installers(tmp_path: Path) -> None:
    pip = "[global]\nindex-url = https://mirror.example/simple\ntrusted-host = mirror.example\ntimeout = 90\n"
    settings = index_settings(environ(tmp_path, pip), inside=True)
    assert settings.env["PIP_INDEX_URL"] == settings.env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert settings.env["PIP_TRUSTED_HOST"] == settings.env["UV_INSECURE_HOST"] == "mirror.example"
    assert settings.env["UV_HTTP_TIMEOUT"] == "90"


def test_variables_beat_files_and_uvs_own_beat_pips(tmp_path: Path) -> None:
    pip = "[global]\nindex-url = https://file.example\n"
    both = environ(tmp_path, pip, PIP_INDEX_URL="https://variable.example")
    assert index_settings(both, inside=True).env["PIP_INDEX_URL"] == "https://variable.example"
    both["UV_DEFAULT_INDEX"] = "https://uv.example"
    assert index_settings(both, inside=True).env["UV_DEFAULT_INDEX"] == "https://uv.example"


def test_uvs_file(tmp_path: Path) -> None:
    uv = (
        '[[index]]\nurl = "https://main.example"\ndefault = true\n'
        '[[index]]\nname = "extra"\nurl = "https://extra.example"\n'
        '[[index]]\nname = "torch"\nurl = "https://torch.example"\nexplicit = true\n'
    )
    env = index_settings(environ(tmp_path, uv=uv, UV_INDEX_EXTRA_PASSWORD="secret"), inside=True).env
    assert env["UV_DEFAULT_INDEX"] == "https://main.example"
    assert env["UV_INDEX"] == "extra=https://extra.example"
    assert env["PIP_EXTRA_INDEX_URL"] == "https://extra.example"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["UV_INDEX_EXTRA_PASSWORD"] == "secret"


def test_folders_of_this_machine_stay_outside_of_containers(tmp_path: Path) -> None:
    pip = "[global]\nfind-links = /opt/wheels https://wheels.example\nextra-index-url =\n  file:///opt/simple\n"
    inside = index_settings(environ(tmp_path, pip), inside=True)
    assert inside.env["UV_FIND_LINKS"] == "https://wheels.example"
    assert "UV_INDEX" not in inside.env
    assert [note.split(" ")[0] for note in inside.notes] == ["file:///opt/simple", "/opt/wheels"]
    outside = index_settings(environ(tmp_path, pip), inside=False)
    assert outside.env["UV_FIND_LINKS"] == "/opt/wheels,https://wheels.example"
    assert outside.env["PIP_EXTRA_INDEX_URL"] == "file:///opt/simple"
    assert outside.notes == ()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PIP_INDEX_URL": "http://localhost:3141/root"}, True),
        ({"UV_INDEX": "mine=http://127.0.0.1:8080/simple"}, True),
        ({"https_proxy": "http://127.0.0.1:3128"}, True),
        ({"HTTPS_PROXY": "localhost:3128"}, True),
        ({"PIP_INDEX_URL": "https://mirror.example/localhost"}, False),
        ({"https_proxy": "http://proxy.example:3128"}, False),
    ],
)
def test_what_listens_on_loopback_is_noticed(tmp_path: Path, variables: dict[str, str], expected: bool) -> None:
    assert index_settings(environ(tmp_path, **variables), inside=True).loopback is expected


def test_the_bundle_of_certificates(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.touch()
    theirs.touch()
    env = environ(tmp_path, SSL_CERT_FILE=str(theirs), PIP_CERT=str(ours))
    assert index_settings(env, inside=True).bundle == ours
    assert index_settings({**env, "PIP_CERT": "/nowhere"}, inside=True).bundle == theirs


def test_a_broken_settings_file_is_left_to_its_owner(tmp_path: Path) -> None:
    assert index_settings(environ(tmp_path, "not an ini file", "not = [toml"), inside=True).env == {}


def test_credentials_are_not_shown() -> None:
    line = "Looking in indexes: https://me:secret@mirror.example/simple, https://plain.example/a@b"
    assert hide_credentials(line) == "Looking in indexes: https://***@mirror.example/simple, https://plain.example/a@b"
