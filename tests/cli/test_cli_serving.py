"""`serve` and `keys`: what is served is what was said, by option or environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from remit.cli import main
from remit.cli.commands import parser
from remit.cli.serving import outward_settings, serve_settings
from remit.cli.terminal import MisuseError
from remit.gateway.keys import Keyring, load_keys
from remit.gateway.options import Outward


def settings(environ: Mapping[str, str], *more: str) -> dict[str, Any]:
    return serve_settings(parser().parse_args(["serve", "remit.yaml", *more]), environ)


KEY = {"OPENAI_API_KEY": "sk-test"}
LOCAL = "http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("environ", "more", "chosen"),
    [
        ({}, [], {"upstream": "house"}),
        ({"REMIT_PORT": "9000"}, [], {"upstream": "house", "port": 9000}),
        (KEY, [], {"upstream": "https://api.openai.com/v1", "api_key": "sk-test"}),
        ({**KEY, "OPENAI_BASE_URL": LOCAL}, [], {"upstream": LOCAL, "api_key": "sk-test"}),
        ({"REMIT_UPSTREAM": "house", "OPENAI_BASE_URL": LOCAL}, [], {"upstream": "house"}),
        (KEY, ["--upstream", "house"], {"upstream": "house"}),
        ({"REMIT_API_KEY": "m", **KEY}, ["--upstream", LOCAL], {"upstream": LOCAL, "api_key": "m"}),
        (KEY, ["--script", "s.yaml"], {"upstream": "scripted", "script": "s.yaml"}),
        ({"REMIT_WORKERS": "2"}, [], {"upstream": "house", "workers": 2}),
        ({"REMIT_PORT": "9000"}, ["--port", "0"], {"upstream": "house", "port": 0}),
    ],
)  # fmt: skip
def test_serve_takes_options_first_and_then_the_environment(
    environ: Mapping[str, str], more: list[str], chosen: dict[str, Any]
) -> None:
    assert settings(environ, *more) == {"remit_path": "remit.yaml", **chosen}


@pytest.mark.parametrize(
    ("environ", "more", "cure"),
    [
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8400/v1"}, [], "--upstream"),
        ({}, ["--port", "66000"], "from 0 to 65535"),
        ({}, ["--workers", "none"], "from 1 to 256"),
        ({}, ["--tls-key", "k.pem"], "--tls-certificate"),
    ],
)
def test_serve_refuses_what_makes_no_sense(
    environ: Mapping[str, str], more: list[str], cure: str
) -> None:
    with pytest.raises(MisuseError, match=cure):
        settings(environ, *more)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    assert main(["keys", "add", "web", "--file", str(path), "--rate", "60"]) == 0
    secret = capsys.readouterr().out.strip()
    assert secret not in path.read_text()
    found = Keyring(load_keys(path)).find(f"Bearer {secret}")
    assert found is not None
    assert (found.name, found.per_minute) == ("web", 60)
    assert main(["keys", "add", "web", "--file", str(path)]) == 3
    assert "another name" in capsys.readouterr().err


def outward(remit: Path, environ: Mapping[str, str], *more: str) -> dict[str, Any]:
    return outward_settings(parser().parse_args(["serve", str(remit), *more]), environ)


def test_only_the_secrets_that_the_remits_alerts_name_are_taken(tmp_path: Path) -> None:
    remit = tmp_path / "remit.yaml"
    remit.write_text(
        "monitor:\n  alerts:\n"
        "    - {webhook: https://ops.test/, secret_env: HOOK_SECRET}\n"
        "    - slack: {url_env: 'CHAT_URL'}\n"
    )
    environ = {
        "HOOK_SECRET": "hush-hush",
        "CHAT_URL": "b",
        "AWS_SECRET": "c",
        "REMIT_OTLP": "http://x",
    }
    environ |= {"REMIT_OTLP_HEADERS": "authorization=Basic eA==,x-y=z"}
    told = outward(remit, environ)
    assert told["secrets"] == {"HOOK_SECRET": "hush-hush", "CHAT_URL": "b"}
    assert told["otlp_headers"] == {"authorization": "Basic eA==", "x-y": "z"}
    assert "hush-hush" not in repr(Outward(**told))


def test_telemetry_needs_the_monitor_and_headers_that_can_be_read(tmp_path: Path) -> None:
    remit = tmp_path / "remit.yaml"
    with pytest.raises(MisuseError, match="leave --no-monitor out"):
        outward(remit, {}, "--otlp", "http://x", "--no-monitor")
    with pytest.raises(MisuseError, match="NAME=VALUE"):
        outward(remit, {"REMIT_OTLP_HEADERS": "nonsense"})
