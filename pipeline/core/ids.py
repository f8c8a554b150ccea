"""Derived ids: what the pipeline creates is named by what caused it, so the same log always gives the same names."""

from hashlib import blake2b


def cause_prefix(member_id: str, source: str, event_id: str) -> str:
    """The part that all ids derived from one event share: each text behind its length in characters."""
    return f"{len(member_id)}:{member_id}{len(source)}:{source}{len(event_id)}:{event_id}"


def derived_id(prefix: str, rule_id: str, leg: int) -> str:
    """32 hex digits: BLAKE2b over the cause's prefix, the rule (or built-in) and the number of its leg."""
    return blake2b(f"{prefix}{len(rule_id)}:{rule_id}{leg}".encode(), digest_size=16).hexdigest()
