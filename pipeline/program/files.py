"""Which files a programme consists of, and reading them from a directory."""

from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pipeline.program.problems import Report, Source

SETTINGS: Final = "program.yaml"
RULES: Final = "rules.yaml"
RULES_FOLDER: Final = "rules"
TIERS: Final = "tiers.yaml"
REWARDS: Final = "rewards.yaml"
CAMPAIGNS: Final = "campaigns.yaml"
EVENTS: Final = "events.yaml"
PARTNERS: Final = "partners.yaml"
FRAUD: Final = "fraud.yaml"
MODEL: Final = "model.yaml"
NOTIFICATIONS: Final = "notifications.yaml"
WEBHOOKS: Final = "webhooks.yaml"

KNOWN: Final = (SETTINGS, RULES, TIERS, REWARDS, CAMPAIGNS, EVENTS, PARTNERS, FRAUD, MODEL, NOTIFICATIONS, WEBHOOKS)
"""Besides rules/*.yaml. A README.md and files whose name starts with a dot may lie there too; they are not read."""

EXAMPLES: Final = "examples.yaml"
EXAMPLES_FOLDER: Final = "examples"
"""Examples lie beside the programme: they decide nothing, so they are no part of its bundle and its hash."""

MAX_FILES: Final = 200
MAX_BYTES: Final = 512 * 1024
"""Of all files together: a programme travels as one Kafka record."""


def is_program_file(name: str) -> bool:
    """Whether a name, relative to the directory and with /, is one that a programme can have."""
    if name in KNOWN:
        return True
    folder, _, file = name.partition("/")
    return folder == RULES_FOLDER and file.endswith(".yaml") and "/" not in file and not file.startswith(".")


def is_example_file(name: str) -> bool:
    """Whether a name, relative to the directory and with /, is one that a file of examples can have."""
    folder, _, file = name.partition("/")
    inside = folder == EXAMPLES_FOLDER and file.endswith(".yaml") and "/" not in file and not file.startswith(".")
    return inside or name == EXAMPLES


def refuse_file(name: str, report: Report) -> None:
    """Report a file that no programme has."""
    stems = {known.removesuffix(".yaml"): known for known in (*KNOWN, EXAMPLES)}
    near = get_close_matches(name.rpartition(".")[0] or name, stems, n=1, cutoff=0.7)
    advice = f"a programme has {', '.join(KNOWN)}, {RULES_FOLDER}/, {EXAMPLES_FOLDER}/"
    if near and stems[near[0]] != name:
        advice = f"did you mean `{stems[near[0]]}`?"
    report.error(Source(name, ""), 0, "this is not a file of a programme", advice)


def read_files(directory: Path, report: Report) -> dict[str, str]:
    """Text by name of a programme's files, line ends as LF; what cannot be read is reported.

    A directory that does not exist is reported too, never raised.
    """
    here = Source(str(directory), "")
    if not directory.is_dir():
        report.error(here, 0, "there is no such directory", f"name the directory that holds {SETTINGS}")
        return {}
    names = [name for name in sorted(_names(directory, report)) if is_program_file(name)]
    if len(names) > MAX_FILES:
        report.error(here, 0, f"the programme has {len(names)} files, more than {MAX_FILES}", "join small rule files")
        return {}
    return _texts(directory, names, report)


def read_example_files(directory: Path, report: Report) -> dict[str, str]:
    """Text by name of the examples beside a programme, line ends as LF; what cannot be read is reported.

    Names that no programme has are left to `read_files`.
    """
    names = [name for name in sorted(_names(directory, Report())) if is_example_file(name)]
    if len(names) > MAX_FILES:
        here = Source(str(directory), "")
        report.error(here, 0, f"there are {len(names)} files of examples, more than {MAX_FILES}", "join small ones")
        return {}
    return _texts(directory, names, report)


def _texts(directory: Path, names: list[str], report: Report) -> dict[str, str]:
    total = 0
    texts: dict[str, str] = {}
    for name in names:
        try:
            with (directory / name).open("rb") as file:
                data = file.read(MAX_BYTES + 1 - total)
        except OSError as error:
            report.error(Source(name, ""), 0, f"cannot be read: {error.strerror}", "check the file's permissions")
            continue
        total += len(data)
        if total > MAX_BYTES:
            report.error(
                Source(name, ""), 0, f"the files are larger than {MAX_BYTES // 1024} KiB together", "shorten them"
            )
            return texts
        text = _decode(name, data, report)
        if text is not None:
            texts[name] = text
    return texts


def _names(directory: Path, report: Report) -> list[str]:
    found: list[str] = []
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.name == "README.md":
            continue
        if path.name in (RULES_FOLDER, EXAMPLES_FOLDER) and path.is_dir():
            inner = [f"{path.name}/{child.name}" for child in sorted(path.iterdir()) if not child.name.startswith(".")]
        else:
            inner = [path.name]
        for name in inner:
            if (is_program_file(name) or is_example_file(name)) and (directory / name).is_file():
                found.append(name)
            else:
                refuse_file(name, report)
    return found


def _decode(name: str, data: bytes, report: Report) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        readable = Source(name, data[: error.start].decode("utf-8", "ignore"))
        report.error(readable, len(readable.text), "not UTF-8 text", "save the file as UTF-8")
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
