"""From a directory to a bundle, and from a bundle to the compiled programme that the core decides by."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from pipeline.core.conversion import Conversion
from pipeline.core.program import SEMANTICS, Program, RuleTable
from pipeline.program.bundle import Bundle, BundleRefused
from pipeline.program.cel_python import generate, load
from pipeline.program.checker import CheckedRule, Definition, check_texts
from pipeline.program.files import read_files
from pipeline.program.problems import Problem, ProgramRefused, Report
from pipeline.program.vocabulary import terms
from pipeline.program.zones import TZDATA_VERSION, load_zone, zone_data

COMPILED_MAX: Final = 64
"""Compiled programmes kept: late events need past ones."""


def check(directory: str | Path) -> list[Problem]:
    """Every mistake and warning in the programme of a directory, by file and line."""
    _, _, report = _read(Path(directory))
    return report.sorted()


def load_program(directory: str | Path) -> Bundle:
    """The bundle of a directory. Raises ProgramRefused, with every mistake, if there is any error."""
    texts, definition, report = _read(Path(directory))
    if definition is None:
        raise ProgramRefused(report.sorted())
    zone = definition.settings.zone
    return Bundle(tuple(sorted(texts.items())), SEMANTICS, TZDATA_VERSION, zone, zone_data(zone))


def _read(directory: Path) -> tuple[dict[str, str], Definition | None, Report]:
    report = Report()
    texts = read_files(directory, report)
    if not texts and report.refused:
        return texts, None, report
    definition = check_texts(texts, report)
    return texts, definition, report


@lru_cache(maxsize=COMPILED_MAX)
def compile_bundle(bundle: Bundle) -> Program:
    """The compiled programme of a bundle; the same object for the same bundle.

    Raises BundleRefused if the bundle was made for another semantics number or its zone is damaged, ProgramRefused if
    its files have errors. A bundle that once compiled under a semantics number compiles for ever under it, for replays
    need it: checks that are added later warn, or come with another number.
    """
    return compile_anew(bundle)[0]


def compile_anew(bundle: Bundle) -> tuple[Program, Definition]:
    """As `compile_bundle`, a programme that nobody else has, and what it was made of."""
    definition = definition_of(bundle)
    settings, tiers = definition.settings, definition.tiers
    if settings.zone != bundle.zone:
        raise BundleRefused(f"not a bundle: program.yaml names zone {settings.zone}, the bundle brings {bundle.zone}")
    try:
        zone = load_zone(bundle.zone, bundle.zone_data)
    except ValueError as error:
        raise BundleRefused(f"the zone rules of programme {bundle.hash[:12]} are damaged: {error}") from error
    currencies = settings.currencies
    conversion: Conversion | None = None
    if currencies.base:
        conversion = Conversion(currencies.base, currencies.rounding, currencies.rates, zone)
    program = Program(
        program_id=settings.program_id,
        program_hash=bundle.hash,
        zone=zone,
        units=settings.units,
        tiers=tiers.tiers,
        qualification_unit=""
        if tiers.policy.spend_currency
        else tiers.qualification_unit or next(iter(settings.units)),
        rules=_tables(definition, conversion),
        rewards=definition.rewards,
        currencies=frozenset(settings.currencies.codes),
        clawback=settings.clawback,
        enrolment=settings.enrolment,
        returns_points=settings.returns_points,
        tier_policy=tiers.policy,
        groups=settings.stacking.groups,
        maximums=settings.stacking.maximums,
        conversion=conversion,
        custom_events=definition.events,
        transfers=settings.transfers,
        households=settings.households,
        fraud=definition.fraud,
        referrals=settings.referrals,
        notifies=definition.notifies,
        warns_ms=definition.warns_ms,
    )
    return program, definition


def definition_of(bundle: Bundle) -> Definition:
    """What a bundle's files say. Raises BundleRefused for another semantics number, ProgramRefused for errors."""
    if bundle.semantics != SEMANTICS:
        raise BundleRefused(
            f"programme {bundle.hash[:12]} was made for semantics {bundle.semantics}, this version has {SEMANTICS}: "
            "run the version it was published with, or check and publish the programme again"
        )
    report = Report()
    definition = check_texts(dict(bundle.files), report)
    if definition is None:
        raise ProgramRefused(report.sorted())
    return definition


def rule_source(definition: Definition, event_type: str) -> str:
    """Generated Python of an event type's conditions."""
    return generate((rule.condition for rule in _rules_on(definition, event_type)), terms(event_type))


def _rules_on(definition: Definition, event_type: str) -> list[CheckedRule]:
    return [rule for rule in definition.rules if rule.event_type == event_type]


def _tables(definition: Definition, conversion: Conversion | None) -> dict[str, RuleTable]:
    unit = next(iter(definition.settings.units))
    tier = definition.tiers.tiers[0].tier_id if definition.tiers.tiers else ""
    tables: dict[str, RuleTable] = {}
    for event_type in sorted({rule.event_type for rule in definition.rules}):
        match = load(rule_source(definition, event_type), event_type, unit, tier, conversion)
        tables[event_type] = RuleTable(tuple(rule.rule for rule in _rules_on(definition, event_type)), match)
    return tables
