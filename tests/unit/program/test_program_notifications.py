"""notifications.yaml: mistakes are named with their place, and a template can only show what its kind knows."""

from __future__ import annotations

import pytest
from program_texts import bundle, problems

from pipeline.program import compile_bundle
from pipeline.program.comparison import compare
from pipeline.program.compiler import definition_of

DAY_MS = 86_400_000
SOUND = """\
languages: [en, de]
sender: Corner Shop <points@shop.example>
messages:
  - id: earned
    on: points_earned
    channel: email
    text:
      en: {title: "+{{ points }}", body: "{{ balance|number }}"}
      de: {title: "+{{ points }}", body: "{{ balance|number('.') }}"}
"""


def said(old: str, new: str) -> list[str]:
    """What checking says of the sound file with one change."""
    assert old in SOUND
    return problems({"notifications.yaml": SOUND.replace(old, new, 1)})


def test_a_sound_file_is_part_of_the_bundle_and_its_kinds_are_compiled() -> None:
    assert problems({"notifications.yaml": SOUND}) == []
    whole = bundle({"notifications.yaml": SOUND})
    assert dict(whole.files)["notifications.yaml"] == SOUND
    assert compile_bundle(whole).notifies == {"points_earned"}
    assert not compile_bundle(bundle({})).notifies
    terms = definition_of(whole).notifications
    assert terms is not None
    assert terms.messages[0].texts[1][1].body == "{{ balance|number('.') }}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("points_earned", "points_earnt", ("points_earnt", "did you mean `points_earned`")),
        ("channel: email", "channel: fax", ("cannot be `fax`",)),
        ("{{ balance|number }}", "{{ balanse }}", ("no value `balanse`", "did you mean `balance`")),
        ("{{ balance|number }}", "{{ reason }}", ("`points_earned` has no value `reason`",)),
        ("{{ balance|number }}", "{{ balance|nummer }}", ("no filter `nummer`", "did you mean `number`")),
        ("{{ balance|number }}", "{{ balance", ("not a template",)),
        ("{{ balance|number }}", "{% for i in balance %}x{% endfor %}", ("cannot use For",)),
        ("{{ balance|number }}", "{{ unit.__class__ }}", ("cannot use Getattr",)),
        ("{{ balance|number }}", "{{ 'x' * 9999999 }}", ("cannot use Mul",)),
        ("{{ balance|number }}", "{{ unit|number }}", ("cannot be shown with sample values",)),
        ("      de: ", "      fr: ", ("`fr` is not one of the programme's languages", "lacks `de`")),
        ("languages: [en, de]", "languages: [en, german]", ("`german` is not a language",)),
        ("sender: Corner Shop <points@shop.example>\n", "", ("there is no `sender`",)),
        ("Corner Shop <points@shop.example>", "corner shop", ("`corner shop` is not an address",)),
        ("languages:", 'quiet: "22-8"\nlanguages:', ("`22-8` are not two times of day",)),
        ("channel: email", 'channel: email\n    digest: "6 pm"', ("`6 pm` is no time of day", 'write "18:00"')),
        ("languages:", "most_per_day: {in_app: 3}\nlanguages:", ("`in_app`",)),
        ("languages:", "most_per_day: {email: 0}\nlanguages:", ("`email`", "1")),
        ("languages:", 'quiet: "08:00-08:00"\nlanguages:', ("no length",)),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(old: str, new: str, words: tuple[str, ...]) -> None:
    found = "\n".join(said(old, new))
    assert "notifications.yaml:" in found
    for word in words:
        assert word in found


def test_digest_and_limits_are_read() -> None:
    text = (
        SOUND.replace("channel: email", 'channel: email\n    digest: "18:30"') + "most_per_day: {email: 2, push: 5}\n"
    )
    assert problems({"notifications.yaml": text}) == []
    terms = definition_of(bundle({"notifications.yaml": text})).notifications
    assert terms is not None
    assert (terms.messages[0].digest, terms.most_per_day) == (18 * 60 + 30, (("email", 2), ("push", 5)))


def test_how_long_before_points_expire_members_are_told_is_compiled() -> None:
    told = SOUND.replace("on: points_earned", "on: points_expiring")
    assert compile_bundle(bundle({"notifications.yaml": told})).warns_ms == 14 * DAY_MS
    assert compile_bundle(bundle({"notifications.yaml": told + "warning: 30d\n"})).warns_ms == 30 * DAY_MS
    assert compile_bundle(bundle({"notifications.yaml": SOUND})).warns_ms == 0
    assert "write days: 30d" in "\n".join(problems({"notifications.yaml": told + "warning: 1mo\n"}))


def test_a_member_is_told_once_by_each_channel() -> None:
    again = SOUND[SOUND.index("  - id") :].replace("id: earned", "id: once-more")
    assert "tell of the same by the same channel" in "\n".join(problems({"notifications.yaml": SOUND + again}))


def test_what_changes_in_a_message_is_told() -> None:
    before = bundle({"notifications.yaml": SOUND})
    after = bundle({"notifications.yaml": SOUND.replace("channel: email", "channel: in_app")})
    assert [change.text for change in compare(before, after)] == [
        "message `earned`: `channel` changes from email to in_app"
    ]
    assert [change.kind for change in compare(bundle({}), before) if change.what == "message"] == ["added"]
