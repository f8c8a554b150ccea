"""Damages a programme's YAML: each is refused with file and line, or compiled and decides events without an error."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from fuzz_wire import Wrong

from bench.load import Size, control, events
from pipeline.core.events import Event
from pipeline.core.memory import Derived
from pipeline.core.payloads import MemberQuarantined
from pipeline.core.program import SEMANTICS, Program
from pipeline.core.simulate import Simulation
from pipeline.program import Bundle, ProgramRefused, compile_bundle, load_program
from pipeline.program.checker import check_texts
from pipeline.program.files import is_program_file
from pipeline.program.problems import Report
from pipeline.program.zones import TZDATA_VERSION, zone_data

SHOP = Path(__file__).resolve().parents[2] / "programs" / "shop"
TEXTS = {
    name: path.read_text("utf-8")
    for path in sorted(SHOP.rglob("*.yaml"))
    if is_program_file(name := path.relative_to(SHOP).as_posix())
}
CPU_S = 5.0
EVENTS = tuple(events(Size(60, 12), 7))
FRAGMENTS = (
    ": ", "- ", "{", "}", "[", "]", '"', "'", "\n", "\n  ", "  ", "#", "|", ">", "&a ", "*a", "!x ",
    "!!python/object:os.system ",
    "%", "@", "\t", "\\", "0", "-1", "1.5", "1e400", "9" * 30, "9" * 5000, "0x10", "1_000", "event.", "member.tier",
    "&&", "||",
    "==", "(", "((((((((", ")", "!", "null", "true", "~", "é", "\U0001f600", "\u2028", "\u0000", "\ufeff", "\u202e",
    "\ud7ff",
    "---\n", "...\n", "<<: *a", "? ", "? [a]\n: b", "when: 'true'", "event.amount_minor * 9223372036854775807",
    "1 / 0",
    "[1].map(x, x)", "'a'.matches('(a+)+$')", "size(event.lines) > 99", "30d", "99999999999d", "Europe/Paris",
)  # fmt: skip
ATOMS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**18, 10**40, 1.5, float("inf"), "", "a", "points", "é", "30d", "month",
    "event.amount_minor > 0",
    "event.amount_minor / 0 > 1", "member.tier == 'gold' || true",
    [], {}, [[]], {"a": {"b": {"c": {}}}}, [None], "\u202e", "0" * 2000,
)  # fmt: skip
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + "".join(f"d{i}: &d{i} [*c, *c, *c]\n" for i in range(20))


class ProgramFuzz:
    """One seed's damaged programmes. `outcomes` counts what became of them."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(f"programs {seed}")
        self.outcomes: Counter[str] = Counter()
        self.slowest_s = 0.0

    def run(self, programs: int) -> None:
        """Raises Wrong, and leaves the texts in `at_hand`."""
        for _ in range(programs):
            self.at_hand = self.texts()
            self.outcomes[self.judge(self.at_hand)] += 1

    def texts(self) -> dict[str, str]:
        """The next programme."""
        draw = self.draw
        texts = dict(TEXTS)
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            name = draw.choice(list(texts))
            kind = draw.random()
            if kind < 0.05:
                _files(draw, texts, name)
            elif kind < 0.5:
                texts[name] = _text(draw, texts[name])
            else:
                texts[name] = _structure(draw, texts[name])
        return texts

    def judge(self, texts: dict[str, str]) -> str:
        """ "refused" or "decides". Raises Wrong."""
        began_s = time.thread_time()
        try:
            outcome = self._check(texts)
        except Wrong:
            raise
        except Exception as error:
            raise Wrong(f"raised {error!r}") from error
        seconds = time.thread_time() - began_s
        self.slowest_s = max(self.slowest_s, seconds)
        if seconds > CPU_S:
            raise Wrong(f"took {seconds:.1f} s of CPU time")
        return outcome

    def _check(self, texts: dict[str, str]) -> str:
        kept = [text for name, text in texts.items() if is_program_file(name)]
        if any("\ud800" <= character <= "\udfff" for text in kept for character in text):
            return _on_disk(texts)
        texts = {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}
        report = Report()
        definition = check_texts(texts, report)
        problems = report.sorted()
        for problem in problems:
            if not problem.file or problem.line < 1 or problem.column < 1 or not problem.reason:
                raise Wrong(f"a problem without its place or reason: {problem}")
        errors = [problem for problem in problems if problem.severity == "error"]
        if definition is None:
            if not errors:
                raise Wrong("refused without a reason")
            return "refused"
        if errors:
            raise Wrong(f"accepted with errors: {errors[0]}")
        zone = definition.settings.zone
        bundle = Bundle(tuple(sorted(texts.items())), SEMANTICS, TZDATA_VERSION, zone, zone_data(zone))
        try:
            program = compile_bundle(Bundle.from_bytes(bundle.canonical()))
        except ProgramRefused as error:
            raise Wrong(f"accepted when checked, refused when compiled: {error}") from error
        _decide(program)
        return "decides"


def _on_disk(texts: dict[str, str]) -> str:
    """Surrogates stand for bytes that are no UTF-8: only a file can hold them."""
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            if is_program_file(name):
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
        try:
            _decide(compile_bundle(load_program(folder)))
        except ProgramRefused as refused:
            if not any("not UTF-8" in problem.reason for problem in refused.problems):
                raise Wrong(f"refused, but not for its bytes: {refused}") from refused
            return "refused"
        raise Wrong("accepted with bytes that are no UTF-8")


class _Only:
    def __init__(self, program: Program) -> None:
        self._program = program

    def program(self, _program_hash: str) -> Program:
        return self._program


def _decide(program: Program) -> None:
    simulation = Simulation(_Only(program))
    for timestamp_ms, record in control(program.program_hash):
        simulation.take(0, 0, timestamp_ms, record)
    for offset, event in enumerate(EVENTS):
        simulation.take(0, offset, event.recorded_at_ms, event)
    for output in simulation.journal(0):
        if isinstance(output, Derived) and isinstance(output.event, Event):
            payload = output.event.payload
            if isinstance(payload, MemberQuarantined):
                raise Wrong(f"it is accepted, and deciding by it raises: {payload.error}")


def _files(draw: Random, texts: dict[str, str], name: str) -> None:
    match draw.randrange(4):
        case 0:
            del texts[name]
            texts.setdefault("rules/more.yaml", "")
        case 1:
            texts[draw.choice(("rule.yaml", "rules/a/b.yaml", "../x.yaml", "rules/é.yaml", "rules/.yaml"))] = texts[
                name
            ]
        case 2:
            texts["rules/again.yaml"] = texts[name]
        case _:
            texts[name] = draw.choice(
                (BOMB, "[" * 3000, "- " * 3000 + "a", "{a: " * 3000, "", "\n", "a", "- a", "1", BOMB[:50])
            )


def _text(draw: Random, text: str) -> str:
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(text) + 1)
        size = draw.choice((0, 1, 2, 8, 60))
        fragment = draw.choice(FRAGMENTS)
        text = draw.choice(
            (
                text[:at] + fragment + text[at + size :],
                text[:at] + text[at + size :],
                text[:at] + text[at : at + size] + text[at:],
            )
        )
    text = text.encode("utf-8", "ignore").decode()  # what a file can hold
    if draw.random() < 0.05:
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.randbytes(draw.choice((1, 2, 4))).decode("utf-8", "surrogateescape") + text[at:]
    return text


def _structure(draw: Random, text: str) -> str:
    """Nodes swapped, deleted, doubled, of other types."""
    try:
        root = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _text(draw, text)
    if not isinstance(root, dict | list):
        return _text(draw, text)
    root = copy.deepcopy(root)
    places: list[tuple[Any, Any]] = []
    _collect(root, places)
    for _ in range(draw.choice((1, 1, 2, 4))):
        if places:
            _change(draw, places)
    return str(yaml.safe_dump(root, sort_keys=False, allow_unicode=True, default_flow_style=draw.random() < 0.2))


def _collect(node: Any, places: list[tuple[Any, Any]]) -> None:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        places.append((node, key))
        if isinstance(node[key], dict | list):
            _collect(node[key], places)


def _change(draw: Random, places: list[tuple[Any, Any]]) -> None:
    node, key = draw.choice(places)
    other, other_key = draw.choice(places)
    if _gone(node, key) or _gone(other, other_key):
        return
    match draw.randrange(6):
        case 0 | 1:
            node[key] = copy.deepcopy(draw.choice(ATOMS))
        case 2:
            del node[key]
        case 3:
            node[key] = copy.deepcopy(other[other_key])
        case 4 if isinstance(node, list):
            node.extend([copy.deepcopy(node[key])] * draw.choice((1, 3, 300)))
        case 4 | 5:
            new_key = draw.choice(("", "wehn", "limit", "é", 7, str(other_key)))
            if isinstance(node, dict):
                node[new_key] = node.pop(key)


def _gone(node: Any, key: Any) -> bool:
    return key not in node if isinstance(node, dict) else key >= len(node)


def shrunk(judge: Callable[[dict[str, str]], str], texts: dict[str, str]) -> dict[str, str]:
    """Fewer lines that are wrong as well."""

    def wrong(candidate: dict[str, str]) -> bool:
        try:
            judge(candidate)
        except Wrong:
            return True
        return False

    for name in list(texts):
        lines = texts[name].splitlines(keepends=True)
        at = 0
        while at < len(lines):
            fewer = lines[:at] + lines[at + 1 :]
            if wrong({**texts, name: "".join(fewer)}):
                lines = fewer
            else:
                at += 1
        texts = {**texts, name: "".join(lines)}
    return texts
