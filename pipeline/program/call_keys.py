"""Keys of whatever is called over HTTP: address, secrets by reference, lengths of time."""

import re
from typing import Final
from urllib.parse import urlsplit

from pipeline.program.partners import Secret, parse_span
from pipeline.program.problems import Report, Source, shorten
from pipeline.program.quantities import BadQuantity
from pipeline.program.sections import Section
from pipeline.program.shapes import Key, Keys, Text
from pipeline.program.yaml_nodes import Scalar

MAX_STEPS: Final = 20
SPAN: Final = Text("[0-9]{1,6} ?(ms|s|min|h|d)", "10s")
RETRIES: Final = ("0s", "5s", "5min", "30min", "2h", "5h", "10h", "14h", "20h", "24h")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

SECRET_KEYS: Final[Keys] = {
    "env": Key(Text("[A-Z][A-Z0-9_]*", "ACME_TOKEN"), "The environment variable of the worker that holds it."),
    "file": Key(Text("/.+", "/run/secrets/acme"), "Or the file, by its full path, whose first line it is."),
}


def read_address(own: Section, key: str) -> str:
    """An address without credentials, over TLS unless it is of this machine; "" where it is absent."""
    scalar = own.scalar(key, "an address such as https://api.acme.example/v1")
    if scalar is None:
        return ""
    parts = urlsplit(scalar.value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        own.refuse(key, f"`{shorten(scalar.value)}` is no address", "write https://host/path")
    elif parts.username is not None:
        own.refuse(key, f"`{key}` must hold no credentials", "give them by reference, under a key of their own")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        own.refuse(key, "an address that is not of this machine must begin with https://", "write https://")
    return scalar.value.rstrip("/")


def read_secret(section: Section | None) -> Secret | None:
    """Where a secret stands; None where the key is absent or wrong."""
    if section is None:
        return None
    env, file = section.scalar("env", "a variable's name"), section.scalar("file", "a file's full path")
    if (env is None) == (file is None):
        section.refuse("env", f"{section.what} needs either `env` or `file`", "name one place where the secret stands")
        return None
    if env is not None and not re.fullmatch("[A-Z][A-Z0-9_]*", env.value):
        section.refuse("env", f"`{shorten(env.value)}` is no variable's name", "write capitals, digits and _")
    if file is not None and not file.value.startswith("/"):
        section.refuse("file", f"`{shorten(file.value)}` is no full path", "begin with /")
    return Secret("" if env is None else env.value, "" if file is None else file.value)


def read_span(own: Section, key: str, default_ms: int, most_ms: int) -> int:
    """Milliseconds above 0 and at most `most_ms`; the default where the key is absent or wrong."""
    scalar = own.scalar(key, "a length of time such as 10s")
    if scalar is None:
        return default_ms
    try:
        found = parse_span(scalar.value)
    except BadQuantity as bad:
        own.refuse(key, f"`{key}`: {bad.reason}", bad.suggestion)
        return default_ms
    if not 0 < found <= most_ms:
        own.refuse(key, f"`{key}` must be above 0 and at most {most_ms // 1000} s", "write another length of time")
    return found


def read_spans(report: Report, source: Source, own: Section, key: str, default: tuple[str, ...]) -> tuple[int, ...]:
    """Milliseconds of each; those of `default` where the key is absent."""
    if key not in own:
        return tuple(parse_span(text) for text in default)
    found: list[int] = []
    for item in own.items(key, "lengths of time", MAX_STEPS):
        try:
            found.append(parse_span(item.value if isinstance(item, Scalar) else ""))
        except BadQuantity as bad:
            report.error(source, item.start, f"`{key}`: {bad.reason}", bad.suggestion)
    return tuple(found)
