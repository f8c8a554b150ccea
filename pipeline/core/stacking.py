"""Stacking: which rules of an exclusive group give way to which."""

from pipeline.core.program import Program, Rule


def losers(program: Program, rules: tuple[Rule, ...], wanted: list[tuple[int, int]]) -> dict[int, str]:
    """Index of each rule that gives way -> `group:GROUP:WINNER`, of the rules that would give points: (index, points).

    Rules are compared by what each would give by itself. A group that chooses `first` takes the rule of the highest
    priority, one that chooses `best` that of the most points; ties go to the higher priority, then to the lower id.
    """
    winners: dict[str, tuple[int, int, str, int]] = {}
    for index, points in wanted:
        rule = rules[index]
        rank = (-points if program.groups.get(rule.group) == "best" else 0, -rule.priority, rule.rule_id, index)
        known = winners.get(rule.group)
        if known is None or rank < known:
            winners[rule.group] = rank
    lost: dict[int, str] = {}
    for index, _ in wanted:
        rule = rules[index]
        winner = winners[rule.group]
        if winner[3] != index:
            lost[index] = f"group:{rule.group}:{winner[2]}"
    return lost
