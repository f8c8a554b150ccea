"""Secrets by reference: a programme names a variable or a file, the process that needs the secret reads it there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.program.partners import Secret


class SecretMissing(Exception):
    """A secret is not where the programme says; the message names the place, never the secret."""


def secret_text(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """The secret itself: the variable's text, or the file's first line. Raises SecretMissing."""
    if secret.env:
        text = environment.get(secret.env, "").strip()
        if not text:
            raise SecretMissing(f"{secret.env} is not set: set it where the worker is started, or name a file")
        return text
    try:
        lines = Path(secret.file).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SecretMissing(f"{secret.file} is not readable: {error}") from error
    if not lines or not lines[0].strip():
        raise SecretMissing(f"{secret.file} is empty: write the secret into its first line")
    return lines[0].strip()
