"""webhooks.yaml: mistakes are named with their place and remedy, and its kinds are compiled."""

from __future__ import annotations

import pytest
from program_texts import bundle, problems

from pipeline.program import compile_bundle
from pipeline.program.comparison import compare
from pipeline.program.compiler import definition_of

SOUND = """\
webhooks:
  - id: crm
    url: https://crm.example/hooks/accrue
    on: [tier_changed, reward_failed]
    signing: {env: CRM_WEBHOOK_SECRET}
  - {id: bi, url: "http://127.0.0.1:9000/in", on: [points_earned], signing: {file: /run/bi}, retries: [0s, 1min]}
"""


def test_a_sound_file_is_part_of_the_bundle_and_its_kinds_are_compiled() -> None:
    assert problems({"webhooks.yaml": SOUND}) == []
    whole = bundle({"webhooks.yaml": SOUND})
    assert compile_bundle(whole).notifies == {"tier_changed", "reward_failed", "points_earned"}
    crm, bi = definition_of(whole).webhooks.values()
    assert (crm.timeout_ms, crm.retries_ms[:3], len(crm.retries_ms)) == (10_000, (0, 5_000, 300_000), 10)
    assert (bi.kinds, bi.signing.file, bi.retries_ms) == (("points_earned",), "/run/bi", (0, 60_000))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tier_changed", "tier_change", ("no kind of notification `tier_change`", "did you mean `tier_changed`")),
        ("https://crm", "http://crm", ("must begin with https://",)),
        ("https://crm", "https://ann:pw@crm", ("`url` must hold no credentials",)),
        ("{env: CRM_WEBHOOK_SECRET}", "{}", ("needs either `env` or `file`",)),
        ("    signing: {env: CRM_WEBHOOK_SECRET}\n", "", ("lacks `signing`",)),
        ("[0s, 1min]", "[0s, soon]", ("`soon` is not a length of time",)),
        ("id: bi", "id: crm", ("two webhooks `crm`",)),
        ("on: [points_earned]", "on: []", ("empty list",)),
        ("on: [points_earned]", "on: [points_earned], timeout: 2min", ("`timeout` must be above 0 and at most 30 s",)),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(old: str, new: str, words: tuple[str, ...]) -> None:
    assert old in SOUND
    found = "\n".join(problems({"webhooks.yaml": SOUND.replace(old, new, 1)}))
    assert "webhooks.yaml:" in found
    for word in words:
        assert word in found


def test_what_changes_in_a_webhook_is_told() -> None:
    before = bundle({"webhooks.yaml": SOUND})
    after = bundle({"webhooks.yaml": SOUND.replace("crm.example", "crm2.example")})
    assert [change.text for change in compare(before, after)] == [
        "webhook `crm`: `url` changes from https://crm.example/hooks/accrue to https://crm2.example/hooks/accrue"
    ]
