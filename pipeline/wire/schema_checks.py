"""The rules that the schemas in `schemas/` keep, beyond being Avro, and their history, which each change must fit.

`schemas/history/<full name>.jsonl` has a line for each version that was ever accepted, without documentation. A schema
must be FULL compatible with all of them: data written years ago is still replayed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pipeline.wire.avro import (
    TIMESTAMP,
    Array,
    BadSchema,
    Enum,
    Field,
    Map,
    Primitive,
    Record,
    Type,
    parse_record,
    shown,
)
from pipeline.wire.codegen.sources import HEADER, KINDS, Source, load, snake_case
from pipeline.wire.codegen.values import PYTHON_TYPES, default_source
from pipeline.wire.compatibility import full_problems
from pipeline.wire.topics import Topics

HEADER_FIELDS: Final = (
    Field("event_id", Primitive("string")),
    Field("member_id", Primitive("string")),
    Field("occurred_at", Primitive("long", TIMESTAMP)),
    Field("source", Primitive("string")),
    Field("traceparent", Primitive("string"), "", True, ""),
    Field("attributes", Map(Primitive("string")), "", True, {}),
)
"""What every event begins with, in this order, whatever the documentation says."""


def check(folder: Path, topics: Topics) -> list[str]:
    """Everything that is wrong with the schemas in `folder`, one line each, with file, place and remedy."""
    try:
        sources = load(folder)
    except (BadSchema, ValueError, OSError):
        sources = []
    if not sources:
        return _unreadable(folder)
    found: list[str] = []
    for source in sources:
        found += [f"{_shown_path(folder, source)}: {fault}" for fault in _faults(source)]
        found += [f"{_shown_path(folder, source)}: {fault}" for fault in history_faults(folder, source)]
        if not topics.carrying(source.record.name):
            found.append(
                f"{_shown_path(folder, source)}: no topic in topics.yaml carries {source.record.name}: name it there"
            )
    names = [source.record.name for source in sources]
    found += [f"{name} is defined in two files: keep one" for name in sorted({n for n in names if names.count(n) > 1})]
    found += _topic_faults(topics, names)
    return found + _removed(folder, names)


def accept(folder: Path) -> list[str]:
    """Add schemas that are not in the history yet and are compatible with it; returns the names of their records."""
    accepted = []
    for source in load(folder):
        versions = history(folder, source.record.name)
        new = form(source.text)
        if new not in [form(version) for version in versions] and not _incompatibilities(source.record, versions):
            path = history_path(folder, source.record.name)
            path.parent.mkdir(exist_ok=True)
            line = json.dumps(json.loads(new), separators=(",", ":"))
            path.write_text("".join(f"{version}\n" for version in [*versions, line]), "utf-8")
            accepted.append(source.record.name)
    return accepted


def history_path(folder: Path, name: str) -> Path:
    """The file with the accepted versions of a record."""
    return folder / "history" / f"{name}.jsonl"


def history(folder: Path, name: str) -> list[str]:
    """The accepted versions of a record as JSON, oldest first."""
    path = history_path(folder, name)
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def history_faults(folder: Path, source: Source) -> list[str]:
    """Why the schema cannot follow its accepted versions, or that it has yet to be accepted."""
    versions = history(folder, source.record.name)
    faults = _incompatibilities(source.record, versions)
    if not faults and form(source.text) not in [form(version) for version in versions]:
        faults = [
            "the history does not have this version: run `accrue schemas check --accept` and commit what it writes"
        ]
    return faults


def form(text: str) -> str:
    """A schema's JSON without documentation, keys sorted: equal for schemas that differ in nothing else."""
    return json.dumps(_without_doc(json.loads(text)), sort_keys=True)


def _incompatibilities(record: Record, versions: Iterable[str]) -> list[str]:
    return [
        f"version {number} of the history: {problem}"
        for number, version in enumerate(versions, 1)
        for problem in full_problems(record, parse_record(version))
    ]


def _without_doc(content: Any) -> Any:
    if isinstance(content, dict):
        # A default may be any JSON, so its keys are data.
        return {k: v if k == "default" else _without_doc(v) for k, v in content.items() if k != "doc"}
    return [_without_doc(item) for item in content] if isinstance(content, list) else content


def _shown_path(folder: Path, source: Source) -> str:
    return str(Path(folder.name) / source.path.relative_to(folder))


def _unreadable(folder: Path) -> list[str]:
    """The files that are no schemas, each with its fault."""
    found = []
    for kind in KINDS:
        for path in sorted((folder / kind).glob("*.avsc")):
            try:
                parse_record(path.read_text("utf-8"))
            except (BadSchema, OSError, ValueError) as error:
                found.append(f"{Path(folder.name) / kind / path.name}: {error}")
    return found or [f"{folder}: there are no schemas: run the command in the project's folder"]


def _faults(source: Source) -> list[str]:
    record = source.record
    faults = []
    if source.path.stem != snake_case(record.short_name):
        faults.append(f"it holds {record.short_name}: call the file {snake_case(record.short_name)}.avsc")
    if '"aliases"' in source.text:
        faults.append("aliases are not resolved: keep the old name, or add a field with a default")
    if source.kind == "events":
        own = tuple(Field(f.name, f.type, "", f.has_default, f.default) for f in record.fields[: len(HEADER)])
        if own != HEADER_FIELDS:
            faults.append(
                f"an event begins with the header {', '.join(HEADER)}, typed and defaulted as the other events have it"
            )
    return faults + _record_faults(record, record.short_name)


def _record_faults(record: Record, path: str) -> list[str]:
    faults = [] if record.doc.strip() else [f"{path}: doc is missing: say what the record means"]
    for field in record.fields:
        place = f"{path}.{field.name}"
        if not field.doc.strip():
            faults.append(f"{place}: doc is missing: say what the field means, its unit and its bounds")
        faults += _type_faults(field.type, place)
        if field.has_default:
            try:
                default_source(field)
            except BadSchema as error:
                faults.append(f"{place}: {error}")
    return faults


def _type_faults(kind: Type, place: str) -> list[str]:
    match kind:
        case Primitive(name=name) if name in PYTHON_TYPES:
            return []
        case Enum(default=default):
            return (
                [] if default else [f"{place}: {shown(kind)} has no default symbol, so no symbol could ever be added"]
            )
        case Array(items=Record() as record):
            return _record_faults(record, f"{place}[]")
        case Array(items=inner) | Map(values=inner):
            return _type_faults(inner, place)
    return [f"{place}: {shown(kind)} is not used here: use a default for what is optional, whole numbers for amounts"]


def _topic_faults(topics: Topics, names: list[str]) -> list[str]:
    namespaces = {f"{name.rpartition('.')[0]}.*" for name in names}
    return [
        f"topics.yaml: topics.{topic.name}.records: there is no schema {record}"
        for topic in topics
        for record in topic.records
        if record not in names and record not in namespaces
    ]


def _removed(folder: Path, names: list[str]) -> list[str]:
    kept = sorted(path.name.removesuffix(".jsonl") for path in (folder / "history").glob("*.jsonl"))
    return [
        f"{name} is in the history and has no schema any more: the log still holds its records"
        for name in kept
        if name not in names
    ]
