"""Programmes made to harm: the check answers at once, in words, and never raises."""

import pytest
from program_texts import problems, rule

from pipeline.program.cel_check import MAX_CHARACTERS, MAX_LIST
from pipeline.program.files import MAX_BYTES
from pipeline.program.yaml_nodes import MAX_DEPTH

AWARD = "award: {points: 5}"


def condition(text: str) -> list[str]:
    """First lines of what is said about a rule with this condition."""
    quoted = text.replace("'", "''")
    found = problems(rule(f"on: transaction_completed\nwhen: '{quoted}'\n{AWARD}"))
    return [problem.split("\n")[0].split(": ", 2)[2] for problem in found]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("- " * 5_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * 5_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "`&a` is a YAML anchor"),
        ("a: *nothing\n", "`*nothing` is a YAML alias"),
        ("!!python/object/apply:os.system [ls]\n", "is a YAML tag"),
        ("! x\n", "`!` is a YAML tag"),
        ("--- a\n--- b\n", "a second YAML document"),
        ("", "the file is empty"),
        ("# nothing but a remark\n", "the file is empty"),
        ("a: \x00\n", "the character U+0000 is not allowed"),
        ('a: "\\U00110000"\n', "not valid YAML"),
        ('a: "\\ud800"\n', "unknown key `a`"),
        ("%YAML 99999999999.1\n---\na: b\n", "not valid YAML"),
        ("%YAML " + "9" * 5_000 + ".1\n---\na: b\n", "not valid YAML"),
        ("a: 'never closed", "not valid YAML"),
        ("\tindented: by a tab\n", "not valid YAML"),
        ("? [a, b]\n: c\n", "a list cannot be a key"),
        ("? {a: b}\n: c\n", "a mapping cannot be a key"),
        ("<<: {rules: []}\n", "unknown key `<<`"),
        ("rules: []\n" * 20_000, "more than 1000 problems; the rest is not shown"),
        ("rules: " + "x" * 200_000, "`rules` must be a list"),
        ("\u2028: \u0085\n", "rules.yaml"),
        ("5\n", "must be a mapping"),
        ("null\n", "must be a mapping, not empty"),
    ],
    ids=lambda value: repr(value[:25]),
)
def test_odd_yaml_is_refused_in_words(text: str, reason: str) -> None:
    assert reason in "\n".join(problems({"rules.yaml": text}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 1_000 + "true" + ")" * 1_000, "the expression is nested too deeply"),
        ("(" * 4_000, "the expression is nested too deeply"),
        ("1 + " * 1_500 + "1 == 1", "the expression is nested too deeply"),
        ("!(" * 500 + "true" + ")" * 500, "the expression is nested too deeply"),
        ("true ? true : " * 400 + "true", "the expression is nested too deeply"),
        ("event" + ".a" * 2_000, "the expression is nested too deeply"),
        ("true" + " " * MAX_CHARACTERS, f"more than {MAX_CHARACTERS}"),
        ("event.amount_minor in [" + "1," * MAX_LIST + "1]", f"the list has {MAX_LIST + 1} values"),
        ("event.amount_minor > 99999999999999999999", "the number does not fit into 64 bits"),
        ("@#$%^", "not a valid expression"),
        ("''' never closed", "not a valid expression"),
        ("event.channel == 'a' ; true", "not a valid expression"),
        ("event['amount_minor'] > 1", "`event` is not a value by itself"),
        ("__import__('os').system('ls') == 1", "there is no function `__import__`"),
        ("event.channel == b'a'", "cannot be applied to string and bytes"),
        ("timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00Z')", "`timestamp`"),
        ("dyn(1) == dyn('a')", "conditions do not have the function `dyn`"),
        ("type(1) == int", "conditions do not have the function `type`"),
        ("{'a': 1}.a == 1", "conditions do not have a map or message literal"),
        ("google.protobuf.Int64Value{value: 1} == 1", "conditions do not have a map or message literal"),
        ("1u == 1u", "conditions do not have a value of type uint"),
        ("null == null", "conditions do not have a value of type null"),
        ("event.attributes.map(k, k) == []", "conditions do not have a macro"),
        ("event.\u0430mount_minor > 1", "not a valid expression"),
    ],
    ids=lambda value: value[:25],
)
def test_odd_expressions_are_refused_in_words(text: str, reason: str) -> None:
    found = condition(text)

    assert any(reason in line for line in found), found


def test_the_longest_sound_expression_passes() -> None:
    parts = [f"event.amount_minor != {number}" for number in range(200)]

    assert len(" && ".join(parts)) > MAX_CHARACTERS * 0.6
    assert condition(" && ".join(parts)) == []


def test_texts_cannot_break_out_of_the_generated_code() -> None:
    for text in ['" or exit() or "', "\\", "'''", "{}", "%s", "\\u2028", "\\n    exit()"]:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        asked = f'"{escaped}" in event.attributes && event.attributes["{escaped}"] == "{escaped}"'
        assert condition(f'event.channel == "{escaped}" || {asked}') == []


def test_a_huge_programme_is_refused_unread(tmp_path) -> None:
    from pipeline.program import check

    (tmp_path / "program.yaml").write_text("#" * (MAX_BYTES + 1))

    assert [problem.reason for problem in check(tmp_path)] == ["the files are larger than 512 KiB together"]
