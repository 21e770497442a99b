"""`remit serve` and `remit keys`: the gateway, and who may use it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from remit.cli.terminal import CannotRunError, MisuseError, complain, refusal, say, say_json

_SERVE = """\
examples:
  remit serve remit.yaml                                  the house model, for a first look
  remit serve remit.yaml --upstream http://localhost:11434/v1 --model llama3.2
  OPENAI_API_KEY=… remit serve remit.yaml                 OpenAI, with your key
  remit serve remit.yaml --upstream scripted --script replies.yaml    fixed replies, for tests
  remit serve remit.yaml --host 0.0.0.0 --keys keys.json --workers 4
  remit serve remit.yaml --fallback http://localhost:11434/v1,llama3.2

Then let your program ask it: OPENAI_BASE_URL=http://127.0.0.1:8400/v1

environment (an option of the same meaning wins):
  OPENAI_BASE_URL, OPENAI_API_KEY     the model to ask, and the key sent to it
  REMIT_UPSTREAM, REMIT_API_KEY       the same for this command alone; these come first
  REMIT_MODEL, REMIT_JUDGE, REMIT_FALLBACK, REMIT_EVIDENCE, REMIT_KEYS, REMIT_HOST, REMIT_PORT,
  REMIT_WORKERS, REMIT_SCRIPT, REMIT_PERSON_KEYS
  REMIT_SMTP, REMIT_SMTP_FROM, REMIT_SMTP_PASSWORD    the server that takes mail: smtp://user@host:587
  REMIT_ADDRESS, REMIT_OTLP, REMIT_OTLP_HEADERS       NAME=VALUE,…
"""
_KEYS = """\
examples:
  remit keys add web-site --file keys.json                 shows the key once
  remit keys add intranet --file keys.json --rate 60 --remit hr.yaml
  remit keys add anna --file keys.json --role reviewer     decides on cases, asks no model
  remit keys add shop --file keys.json --notify https://shop.example/remit
"""
# Options that an environment variable may stand in for, as REMIT_PORT for --port.
_NAMED = (
    "script", "model", "host", "port", "workers", "evidence", "keys", "judge", "fallback",
)  # fmt: skip
_ALERTS_NAME = re.compile(r"\b(?:secret|url)_env['\"]?\s*:\s*['\"]?([A-Za-z_]\w*)")
_OPENAI = "https://api.openai.com/v1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104  compared, not bound to


def add(commands: Any) -> None:
    """Adds the commands."""
    _add_serve(commands)
    _add_keys(commands)


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="the gateway: an assistant within its remit",
        description="Serves OpenAI's chat format, a page for clients and a console, under a remit.",
        epilog=_SERVE,
    )
    serve.add_argument("remit", metavar="REMIT")
    serve.add_argument(
        "--upstream", metavar="URL", help="an OpenAI-compatible address, house or scripted"
    )
    serve.add_argument("--script", metavar="FILE", help="replies of the scripted model")
    serve.add_argument("--model", metavar="NAME", help="the model to ask for")
    serve.add_argument(
        "--fallback", metavar="URL[,MODEL]", help="who serves while an intervention says so"
    )
    serve.add_argument("--host", metavar="HOST", help="default 127.0.0.1")
    serve.add_argument("--port", metavar="N", help="default 8400; 0 takes a free one")
    serve.add_argument("--workers", metavar="N", help="processes; default 1")
    serve.add_argument("--evidence", metavar="PATH", help="the record, or postgresql://…")
    serve.add_argument("--keys", metavar="FILE", help="client keys, from `remit keys add`")
    serve.add_argument("--judge", metavar="URL[,MODEL]", help="the model that judge rules ask")
    serve.add_argument("--tls-certificate", metavar="FILE", help="PEM; with --tls-key: HTTPS")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM")
    serve.add_argument("--no-console", action="store_true", help="without pages for people")
    serve.add_argument(
        "--no-monitor", action="store_true", help="no samples, rates, alerts or telemetry"
    )
    serve.add_argument(
        "--person-keys", metavar="FILE", help="seals what is kept of a person (extra `crypto`)"
    )
    serve.add_argument(
        "--address", metavar="URL", help="where people reach it; alerts link to its console"
    )
    serve.add_argument("--otlp", metavar="URL", help="OpenTelemetry collector (extra `otel`)")
    serve.add_argument(
        "--otlp-content", action="store_true", help="send what was said, too, as recorded"
    )
    serve.set_defaults(run=_serve)


def _add_keys(commands: Any) -> None:
    keys = commands.add_parser(
        "keys",
        help="client keys of the gateway",
        description="Makes client keys. A file keeps only their hashes.",
        epilog=_KEYS,
    )
    actions = keys.add_subparsers(metavar="ACTION", title="actions", required=True)
    new = actions.add_parser("add", help="make a key", epilog=_KEYS)
    new.add_argument("name", metavar="NAME")
    new.add_argument("--file", required=True, metavar="FILE")
    new.add_argument("--rate", type=int, default=600, metavar="N", help="requests a minute")
    new.add_argument("--remit", default="", metavar="FILE", help="binds the key to a remit")
    new.add_argument(
        "--role",
        default="client",
        choices=("client", "reviewer"),
        help="a reviewer's key decides on cases as NAME, and asks no model",
    )
    new.add_argument("--notify", default="", metavar="URL", help="told of answers to its cases")
    new.add_argument("--json", action="store_true", help="the key as JSON")
    new.set_defaults(run=_add_key)


def _serve(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    chosen = serve_settings(arguments, environ)
    from remit.gateway.options import Outward, ServeOptions, StartError
    from remit.gateway.run import run
    from remit.policy import PolicyError

    try:
        outward = Outward(**outward_settings(arguments, environ))
        return run(ServeOptions(**chosen, outward=outward))
    except PolicyError as error:
        raise refusal(error.problems) from None
    except StartError as error:
        raise CannotRunError(str(error)) from None


def cache_folder(environ: Mapping[str, str]) -> str | None:
    """Where compiled patterns are kept between starts (XDG); None without a home."""
    base = environ.get("XDG_CACHE_HOME") or (environ.get("HOME") and environ["HOME"] + "/.cache")
    return f"{base}/remit" if base else None


def serve_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, Any]:
    """What was said, by option or environment, for `ServeOptions`. Raises MisuseError."""
    given: dict[str, Any] = {"remit_path": arguments.remit}
    if (cache := cache_folder(environ)) is not None:
        given["cache"] = cache
    for name in (
        "script",
        "model",
        "host",
        "port",
        "workers",
        "evidence",
        "keys",
        "judge",
        "fallback",
        "person_keys",
    ):
        value = getattr(arguments, name) or environ.get(f"REMIT_{name.upper()}")
        if value:
            given[name] = value
    given |= {
        name: getattr(arguments, name)
        for name in ("tls_certificate", "tls_key")
        if getattr(arguments, name)
    }
    if ("tls_key" in given) != ("tls_certificate" in given):
        raise MisuseError("serve: HTTPS needs both --tls-certificate and --tls-key")
    for name, least, most in (("port", 0, 65_535), ("workers", 1, 256)):
        if name in given:
            given[name] = _number(name, given[name], least, most)
    given |= {
        name: False for name in ("console", "monitor") if getattr(arguments, f"no_{name}", False)
    }
    given["upstream"] = _upstream(arguments, environ, given)
    key = environ.get("REMIT_API_KEY") or environ.get("OPENAI_API_KEY")
    asked = given["upstream"] + given.get("judge", "") + given.get("fallback", "")
    if key and "://" in asked:
        given["api_key"] = key
    return given


def outward_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, Any]:
    """Whom the gateway tells, for `Outward`. Raises MisuseError."""
    headers = {}
    for pair in filter(None, environ.get("REMIT_OTLP_HEADERS", "").split(",")):
        name, separator, value = pair.partition("=")
        if not separator:
            raise MisuseError("serve: REMIT_OTLP_HEADERS is written NAME=VALUE,NAME=VALUE")
        headers[name.strip()] = value.strip()
    named = {
        "address": arguments.address or environ.get("REMIT_ADDRESS"),
        "smtp": environ.get("REMIT_SMTP"),
        "smtp_from": environ.get("REMIT_SMTP_FROM"),
        "smtp_password": environ.get("REMIT_SMTP_PASSWORD"),
        "otlp": arguments.otlp or environ.get("REMIT_OTLP"),
    }
    given: dict[str, Any] = {name: value for name, value in named.items() if value}
    if "otlp" in given and arguments.no_monitor:
        raise MisuseError("serve: telemetry is sent by the monitor; leave --no-monitor out")
    given |= {"otlp_headers": headers, "otlp_content": arguments.otlp_content}
    return given | {"secrets": _secrets(arguments.remit, environ)}


def _secrets(remit: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that a remit's alerts name, and no others."""
    try:
        text = Path(remit).read_text(errors="replace")
    except OSError:
        return {}  # told with its cure where the remit is read
    names = _ALERTS_NAME.findall(text)
    return {name: environ[name] for name in names if name in environ}


def _number(name: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise MisuseError(f"serve: --{name} must be a number from {least} to {most}, not '{text}'")
    return int(text)


def _upstream(
    arguments: argparse.Namespace, environ: Mapping[str, str], given: Mapping[str, Any]
) -> str:
    if arguments.upstream:
        return str(arguments.upstream)
    if arguments.script:
        return "scripted"
    for name in ("REMIT_UPSTREAM", "OPENAI_BASE_URL"):
        address = environ.get(name)
        if address:
            _not_itself(name, address, given.get("port", 8400))
            return address
    return _OPENAI if environ.get("OPENAI_API_KEY") else "house"


def _not_itself(name: str, address: str, port: int) -> None:
    """The same shell may hold the address of this gateway, for its clients."""
    parts = urlsplit(address)
    if parts.hostname in _LOOPBACK and f":{port}" in parts.netloc:
        raise MisuseError(
            f"serve: {name}={address} is this gateway's own address, so it would ask itself; "
            "give the model's with --upstream"
        )


def _add_key(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.gateway.keys import KeyFileError, add_key, load_keys

    if arguments.rate < 1:
        raise MisuseError("keys: --rate must be 1 or more a minute")
    remit = os.path.abspath(arguments.remit) if arguments.remit else ""  # noqa: PTH100  "" stays
    try:
        secret = add_key(
            arguments.file,
            arguments.name,
            remit,
            arguments.rate,
            arguments.role,
            arguments.notify,
        )
        (key,) = (key for key in load_keys(arguments.file) if key.name == arguments.name)
    except KeyFileError as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        told = {"name": key.name, "key": secret, "file": arguments.file}
        say_json(told | ({"notify_secret": key.notify_secret} if key.notify else {}))
        return 0
    complain(f"{arguments.file} keeps its hash only; this is the one time the key is shown")
    say(secret)
    if key.notify:
        complain(f"what {key.notify} is told is signed with this secret")
        say(key.notify_secret)
    return 0
