"""One message by push, or whatever else Apprise speaks: the operator names services, a member has an address there."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, PersistentStoreMode

from pipeline.notify.failure import NotSent
from pipeline.settings import InvalidSettings

ADDRESS: Final = "{address}"
_SERVICE: Final = re.compile(r"([a-z0-9][a-z0-9_-]*)=(\S+)")
_ASSET: Final = AppriseAsset(
    app_id="Accrue", async_mode=False, http_redirects=False, storage_mode=PersistentStoreMode.MEMORY
)


def services_of(text: str) -> dict[str, str]:
    """Apprise URLs by the service's name, of `NAME=URL NAME=URL`. Raises InvalidSettings, without showing a URL."""
    found: dict[str, str] = {}
    for number, part in enumerate(text.split(), 1):
        match = _SERVICE.fullmatch(part)
        if match is None or ADDRESS not in match[2]:
            raise InvalidSettings(
                f"service {number} of ACCRUE_PUSH_SERVICES is none: write NAME=URL, an Apprise URL with {ADDRESS} in it"
            )
        if Apprise.instantiate(match[2].replace(ADDRESS, "sample"), asset=_ASSET) is None:
            raise InvalidSettings(f"the URL of {match[1]} in ACCRUE_PUSH_SERVICES is none that Apprise knows: mend it")
        found[match[1]] = match[2]
    return found


def send(services: dict[str, str], to: str, title: str, body: str) -> None:
    """Hand the message to the service of `to`, a text `SERVICE:ADDRESS`. Raises NotSent."""
    name, _, address = to.partition(":")
    if name not in services:
        known = ", ".join(services) or "none"
        raise NotSent(f"ACCRUE_PUSH_SERVICES has no service {name!r}: it has {known}", final=False)
    service = Apprise.instantiate(services[name].replace(ADDRESS, quote(address, safe="")), asset=_ASSET)
    if service is None:
        raise NotSent(f"{name} can have no such address", final=True)
    if not service.notify(body=body, title=title):
        raise NotSent(f"{name} did not take it", final=False)
