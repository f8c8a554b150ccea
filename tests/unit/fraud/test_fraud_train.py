"""`accrue fraud train`: what is learned of a generated world or an exported log, written for the lane to score by."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.fraud_model import FEATURES
from pipeline.core.payloads import MemberEnrolled, PointsAdjusted, ProgramActivated, RedemptionRequested, ReviewDecided
from pipeline.fraud.train import CannotTrain, Sample, model_text, samples_of_log, train, watching
from pipeline.history.log_lines import Footer, Header, ProgramLine, footer_line, header_line, program_line, record_line
from pipeline.history.replay import Replay
from pipeline.program import Bundle, load_program
from pipeline.program.model_file import read_tree, tree_text

GUARDED = Path(__file__).resolve().parents[3] / "programs" / "guarded"
SIGNALS = """\
signals:
  - {id: not-served, countries: {deny: [KP]}, action: deny}
  - {id: new-device, unusual: {of: device, after: 5}, action: review}
"""


def bundle() -> Bundle:
    """The sample with two signals."""
    whole = load_program(GUARDED)
    others = {name: text for name, text in whole.files if name not in ("fraud.yaml", "model.yaml")}
    return replace(whole, files=tuple(sorted({**others, "fraud.yaml": SIGNALS}.items())))


BUNDLE = bundle()


def made_up(count: int) -> list[Sample]:
    """Fraud is what takes more than 500 points by a new device, and one in fifty of the rest."""
    draw = random.Random(4)
    samples: list[Sample] = []
    for _ in range(count):
        features = [draw.randrange(100) for _ in FEATURES]
        features[0], features[4] = draw.randrange(1_000), draw.randrange(2)
        samples.append(Sample(features, (features[0] > 500 and features[4] == 1) or draw.random() < 0.02))
    return samples


def test_what_is_learned_is_scored_in_whole_numbers_as_it_was_learned() -> None:
    samples = made_up(1_500)
    model = train(samples, 12)

    fraud = [50] * len(FEATURES)
    fraud[0], fraud[4] = 900, 1
    plain = [50] * len(FEATURES)
    plain[0], plain[4] = 900, 0
    assert model.score(fraud)[0] > 1_000
    assert model.score(plain)[0] < -1_000
    assert [tree_text(read_tree(tree_text(tree))) for tree in model.trees] == [tree_text(tree) for tree in model.trees]
    assert model_text(train(samples, 12), "x") == model_text(model, "x"), "the same again"


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(CannotTrain, match="at least 20 of either kind"):
        train([Sample([0] * len(FEATURES), False)] * 100, 5)


def test_verdicts_of_a_log_are_its_labels(tmp_path: Path) -> None:
    """A redemption from a country that is not served was denied, one by a new device rejected; the rest was honest."""
    replayed = Replay(log(tmp_path / "first.jsonl", []))
    replayed.run()
    (opened,) = replayed.simulation.result().reviews
    verdict = ReviewDecided(opened.review_id, "reject", "ada", "not hers")

    samples = samples_of_log(watching(BUNDLE), log(tmp_path / "second.jsonl", [verdict]))

    new_device = FEATURES.index("new_device")
    assert [(sample.features[0], sample.features[new_device], sample.fraud) for sample in samples] == [
        (100, 0, False),
        (100, 0, True),
        (400, 1, True),
    ]


def log(path: Path, verdicts: list[ReviewDecided]) -> Path:
    """An exported log of one member; `verdicts` come last."""
    told = {"device": "phone", "country": "US"}
    acts: list[tuple[object, dict[str, str]]] = [
        (MemberEnrolled("US", "", ""), told),
        *[(PointsAdjusted("", 500, "gift", "ada"), told)] * 5,
        (RedemptionRequested("r1", "voucher-5", 1, "app"), told),
        (RedemptionRequested("r2", "voucher-5", 1, "app"), told | {"country": "KP"}),
        (RedemptionRequested("r3", "voucher-20", 1, "app"), told | {"device": "other"}),
        *[(verdict, told) for verdict in verdicts],
    ]
    lines = [
        header_line(Header("member-events", 1, [100], "2026-01-01T00:00:00+00:00")),
        program_line(ProgramLine(BUNDLE.hash, BUNDLE.canonical().decode())),
        record_line(0, (0, 1, None, b"?"), ProgramActivated(BUNDLE.hash, 1, "me", "")),
    ]
    for number, (payload, attributes) in enumerate(acts, start=1):
        at_ms = 1_767_225_600_000 + number * 86_400_000
        event = Event(f"e{number}", "m", at_ms, "app", "", attributes, payload, at_ms)  # type: ignore[arg-type]
        lines.append(record_line(0, (number, at_ms, b"m", b"?"), event))
    path.write_bytes(b"".join([*lines, footer_line(Footer(len(lines) - 2))]))
    return path


def test_the_command_writes_a_model_and_says_what_thresholds_stop(tmp_path: Path) -> None:
    out = tmp_path / "model.yaml"
    out.write_text("# yaml-language-server: $schema=x.json\n# Written long ago.\ntrees: ['1']\n")
    asked = ("fraud", "train", "--customers", "300", "--attackers", "2", "--trees", "3", "--out", str(out))

    ended = CliRunner().invoke(cli, asked, catch_exceptions=False)

    assert ended.exit_code == 0, ended.output
    first, second, *_ = out.read_text().splitlines()
    assert first == "# yaml-language-server: $schema=x.json", "kept for editors"
    assert second.startswith("# Written by `accrue fraud train`")
    assert "at_least\tof fraud\tof other events" in ended.output


def test_without_anything_to_learn_from_the_command_says_so(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli, ("fraud", "train", "--log", str(log(tmp_path / "log.jsonl", []))))

    assert ended.exit_code == 1
    assert "1 of 3 events that took points were fraud" in ended.output
