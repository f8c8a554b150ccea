"""The bundle: a programme as it is published and kept, one sequence of bytes named by its hash."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final, final

_KEYS: Final = frozenset({"files", "semantics", "tzdata", "zone", "zone_data"})


@final
class BundleRefused(Exception):
    """Bytes that are no bundle, or a bundle that this version cannot decide by."""


@final
@dataclass(frozen=True)
class Bundle:
    """A programme's files, and what else its decisions depend on.

    `files` are (name, text) by name. `semantics` is the number of the core's rules of decision. `zone_data` are the
    compiled rules of the programme's time zone and `tzdata` the version of the package they came from: a bundle brings
    its own calendar, so that it decides alike wherever and whenever it is replayed, whatever version is installed.
    """

    files: tuple[tuple[str, str], ...]
    semantics: int
    tzdata: str
    zone: str
    zone_data: bytes

    def canonical(self) -> bytes:
        """JSON in UTF-8 with sorted keys and no white space; the value of the record on `programs`."""
        content = {
            "files": dict(self.files),
            "semantics": self.semantics,
            "tzdata": self.tzdata,
            "zone": self.zone,
            "zone_data": b64encode(self.zone_data).decode(),
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical bytes, 64 hexadecimal digits; the programme's name in every decision."""
        return sha256(self.canonical()).hexdigest()

    @staticmethod
    def from_bytes(data: bytes) -> "Bundle":
        """The bundle of canonical bytes; raises BundleRefused for anything else."""
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BundleRefused(f"not a bundle: {error}") from error
        if not isinstance(content, dict) or content.keys() != _KEYS:
            raise BundleRefused(f"not a bundle: its keys must be {', '.join(sorted(_KEYS))}")
        files, texts = content["files"], (content["tzdata"], content["zone"], content["zone_data"])
        if not isinstance(files, dict) or not all(isinstance(text, str) for text in (*files.values(), *texts)):
            raise BundleRefused("not a bundle: files, tzdata, zone and zone_data must be texts")
        if type(content["semantics"]) is not int:
            raise BundleRefused("not a bundle: semantics must be a whole number")
        try:
            zone_data = b64decode(content["zone_data"], validate=True)
        except ValueError as error:
            raise BundleRefused(f"not a bundle: zone_data is not base64: {error}") from error
        bundle = Bundle(
            tuple(sorted(files.items())), content["semantics"], content["tzdata"], content["zone"], zone_data
        )
        try:
            canonical = bundle.canonical()
        except UnicodeEncodeError as error:
            raise BundleRefused(f"not a bundle: {error}") from error
        if canonical != data:
            raise BundleRefused("not a bundle: its bytes are not canonical")
        return bundle
