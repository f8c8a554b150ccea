"""What each file of a programme holds, as descriptions."""

from typing import Final

from pipeline.program import (
    campaigns_file,
    events_file,
    files,
    fraud_file,
    model_file,
    notifications_file,
    partners_file,
    rewards_file,
    rules_file,
    settings_file,
    tiers_file,
    webhooks_file,
)
from pipeline.program.shapes import Fields

GRAMMAR: Final = {
    files.SETTINGS: Fields(settings_file.KEYS),
    files.RULES: Fields(rules_file.FILE_KEYS),
    files.TIERS: Fields(tiers_file.FILE_KEYS),
    files.REWARDS: Fields(rewards_file.FILE_KEYS),
    files.CAMPAIGNS: Fields(campaigns_file.FILE_KEYS),
    files.EVENTS: Fields(events_file.FILE_KEYS),
    files.PARTNERS: Fields(partners_file.FILE_KEYS),
    files.FRAUD: Fields(fraud_file.FILE_KEYS),
    files.MODEL: Fields(model_file.FILE_KEYS),
    files.NOTIFICATIONS: Fields(notifications_file.FILE_KEYS),
    files.WEBHOOKS: Fields(webhooks_file.FILE_KEYS),
}
"""By file; those in rules/ hold what rules.yaml holds."""
