"""However the examples beside a programme are mangled, reading them answers with places, and what is read runs."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.examples import read_examples, run_example
from pipeline.program import compile_bundle, load_program

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
PROGRAM = compile_bundle(load_program(SHOP))
TEXTS = [path.read_text("utf-8") for path in sorted((SHOP / "examples").glob("*.yaml"))]
FRAGMENTS = [
    *(": ", "- ", "{", "}", "[", "]", '"', "\n", "\n  ", "null", "true", "yes", "-1", "1.5", "é", "\x00", "&a ", "*a"),
    *("9999-12-31", "0001-01-01T00:00+14:00", "99y", "1d", "2026-03-29T02:30", "999999999999999999", "event", "at"),
]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """One of the shop's files of examples after a few edits."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 20)))
        edit = draw(st.one_of(st.sampled_from(FRAGMENTS), st.just(text[start:end] * 2), st.text(max_size=4)))
        text = text[:start] + edit + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(text=mangled())
def test_mangled_examples_are_judged(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "examples.yaml"
        path.write_bytes(text.encode("utf-8", "replace"))
        examples, problems = read_examples(folder, PROGRAM)

    for problem in problems:
        assert problem.reason and problem.render()
        assert 1 <= problem.column <= len(problem.source_line) + 1
    if not problems:
        for example in examples:
            run_example(PROGRAM, example)
