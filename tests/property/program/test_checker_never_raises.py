"""However a programme is mangled, the check answers with places in its files; what it accepts compiles and runs."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import TransactionCompleted
from pipeline.core.program import SEMANTICS
from pipeline.program import Bundle, compile_bundle
from pipeline.program.checker import check_texts
from pipeline.program.files import is_program_file
from pipeline.program.problems import Report, Source
from pipeline.program.spans import Span
from pipeline.program.yaml_nodes import Scalar, parse
from pipeline.program.zones import TZDATA_VERSION, zone_data

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
TEXTS = {
    name: path.read_text("utf-8")
    for path in sorted(SHOP.rglob("*.yaml"))
    if is_program_file(name := path.relative_to(SHOP).as_posix())
}
FRAGMENTS = [
    *[
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\n",
        "\n  ",
        "  ",
        "#",
        "|",
        ">",
        "&a ",
        "*a",
        "!x ",
        "%",
        "@",
        "\t",
        "\\",
    ],
    *[
        "0",
        "-1",
        "1.5",
        "event.",
        "member.tier",
        "&&",
        "||",
        "==",
        "(",
        ")",
        "null",
        "true",
        "é",
        "😀",
        "\u2028",
        "\x00",
    ],
]


@st.composite
def mangled(draw: st.DrawFn) -> dict[str, str]:
    """The shop's files after a few edits of one or two of them."""
    texts = dict(TEXTS)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(texts)))
        text = texts[name]
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        edit = draw(st.one_of(st.sampled_from(FRAGMENTS), st.just(text[start:end] * 2), st.text(max_size=5)))
        texts[name] = text[:start] + edit + text[end:]
    return texts


def run(bundle: Bundle) -> None:
    """Compile the bundle and let its rules see a purchase."""
    payload = TransactionCompleted("o-1", 12_345, "USD", "app", "s-1", "US", [])
    event = Event("e-1", "m-1", 10**12, "till", "", {}, payload, 10**12)
    table = compile_bundle(bundle).rules.get("transaction_completed")
    if table is not None:
        found = table.match(event, payload, Member("m-1"), [])
        assert all(0 <= index < len(table.rules) for index, _ in found)


@settings(max_examples=300, deadline=None)
@given(texts=mangled())
def test_a_mangled_programme_is_judged(texts: dict[str, str]) -> None:
    report = Report()

    definition = check_texts(texts, report)

    assert (definition is None) == report.refused
    for problem in report.sorted():
        lines = texts.get(problem.file, "").split("\n")
        assert problem.source_line == lines[problem.line - 1]
        assert 1 <= problem.column <= len(problem.source_line) + 1
        assert problem.reason and problem.render()
    if definition is not None:
        zone = definition.settings.zone
        run(Bundle(tuple(sorted(texts.items())), SEMANTICS, TZDATA_VERSION, zone, zone_data(zone)))


WORDS = st.lists(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs"], exclude_characters="\\"),
        min_size=1,
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(words=WORDS, style=st.sampled_from(["'", '"', "|", ">"]), breaks=st.booleans())
def test_a_place_in_a_value_is_found_in_the_file(words: list[str], style: str, breaks: bool) -> None:
    joint = "\n    " if breaks else " "
    if style in "|>":
        text = f"key: {style}   # remark\n    " + joint.join(words) + "\nnext: 1\n"
    else:
        quoted = [word.replace(style, "''" if style == "'" else '\\"') for word in words]
        text = f"key: {style}" + joint.join(quoted) + f"{style}\nnext: 1\n"
    source, report = Source("rules.yaml", text), Report()
    node = parse(source, report)
    assert not report.sorted(), text
    scalar = node.pairs[0][1]  # type: ignore[union-attr]
    assert isinstance(scalar, Scalar)

    span = Span(source, scalar)

    for offset, character in enumerate(scalar.value):
        if not character.isspace():
            assert source.text[span.index(offset)] == character
    assert span.index(len(scalar.value)) <= len(text)
