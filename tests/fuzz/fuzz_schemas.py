"""Other writers' schemas in a registry: the history's, later and earlier versions, foreign ones, nonsense."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.schemas import CommittedSchemas

HISTORY = Path(__file__).resolve().parents[2] / "schemas" / "history"
SIMPLE = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NONSENSE = (
    "", "{", "[]", "null", '"string"', '{"type":"record"}', '{"type":"array","items":"null"}', "[" * 100_000,
    '{"type":"fixed","name":"f","size":1000000000000}', '{"type":' * 500 + '"int"' + "}" * 500,
    '{"type":"record","name":"accrue.events.TransactionCompleted","fields":[{"name":"x","type":"accrue.events.TransactionCompleted"}]}',
    '{"type":"record","name":"accrue.control.Tick","fields":[]}',
    '{"type":"record","name":"other.Record","fields":[{"name":"x","type":"long"}]}',
)  # fmt: skip


def schemas(draw: Random, variants: int) -> tuple[CommittedSchemas, dict[int, str]]:
    """(the registry, text by id of the schemas that are records and can be written)."""
    texts = [line for path in sorted(HISTORY.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    for _ in range(variants):
        ours = json.loads(draw.choice([text for _kind, text in SCHEMAS.values()]))
        texts.append(json.dumps(_variant(draw, ours)))
    source = CommittedSchemas(texts)
    known = {number: text for number, (_kind, text) in enumerate(SCHEMAS.values(), 1)}
    known |= {len(SCHEMAS) + number: text for number, text in enumerate(texts, 1)}
    for nonsense in NONSENSE:
        source.add(nonsense)
    for _ in range(variants):
        source.add(_damaged(draw, draw.choice(texts)))
    return source, known


def _variant(draw: Random, ours: dict[str, Any]) -> dict[str, Any]:
    """Fields left out, added, reordered, changed in type: some such schemas can be read as ours and some cannot."""
    fields = [copy.deepcopy(field) for field in ours["fields"] if not ("default" in field and draw.random() < 0.3)]
    for field in fields:
        if draw.random() < 0.02:
            field["type"] = _foreign(draw, 0)
            field.pop("default", None)
        elif field["type"] == "long" and draw.random() < 0.2:
            field["type"] = "int"
        elif draw.random() < 0.1:
            field["type"] = [field["type"], "null"] if isinstance(field["type"], str) else field["type"]
    for number in range(draw.choice((0, 0, 1, 3))):
        fields.append({"name": f"added_{number}", "type": _foreign(draw, 0)})
    if draw.random() < 0.3:
        draw.shuffle(fields)
    return {**ours, "fields": fields}


def _foreign(draw: Random, depth: int) -> Any:
    kind = draw.choice((*SIMPLE, "enum", "fixed", "union", *(("array", "map", "record") if depth < 4 else ())))
    name = f"F{draw.getrandbits(40):x}"
    match kind:
        case "enum":
            return {"type": "enum", "name": name, "symbols": [f"s{i}" for i in range(draw.choice((1, 2, 70)))]}
        case "fixed":
            return {"type": "fixed", "name": name, "size": draw.choice((1, 16, 200))}
        case "union":
            return draw.sample(SIMPLE, draw.choice((1, 2, 4)))
        case "array" | "map":
            inner = _foreign(draw, depth + 1)
            return {"type": kind, "items" if kind == "array" else "values": "long" if inner == "null" else inner}
        case "record":
            inner = [_foreign(draw, depth + 1) for _ in range(draw.choice((1, 2, 4)))]
            return {
                "type": kind,
                "name": name,
                "fields": [{"name": f"f{i}", "type": t} for i, t in enumerate([*inner, "int"])],
            }
    return kind


def _damaged(draw: Random, text: str) -> str:
    """A schema's JSON with a piece gone, doubled, or put elsewhere."""
    at, size = draw.randrange(len(text)), draw.choice((1, 2, 10, 60))
    piece = text[at : at + size]
    rest = text[:at] + text[at + size :]
    to = draw.randrange(len(rest) + 1)
    return draw.choice(
        (rest, text[:at] + piece + text[at:], rest[:to] + piece + rest[to:], text.replace('"string"', "[]", 1))
    )
