"""Why a message was not taken by its channel."""

from __future__ import annotations


class NotSent(Exception):
    """`final` says whether the server will say the same for ever; else it is worth another attempt."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final
