"""The only reader of pulumi.Config: a stack's settings, checked and frozen."""

from __future__ import annotations

from pathlib import Path

import pulumi
from pulumi.runtime import get_config

from vpdb.settings import PERSONAL_KEYS, Settings, load_settings, project_defaults

PROJECT_DIR = Path(__file__).resolve().parent.parent
COMMITTED_STACK = "dev"


def read_settings(project_dir: Path = PROJECT_DIR) -> Settings:
    """Read the running stack's configuration; SettingRefused on a value that breaks its rule.

    The raw text is read, not `Config.get_secret`: the rule "no default password on an open
    address" compares it while planning. Components wrap the password as a secret again.
    """
    project, defaults = project_defaults(project_dir)
    stack = pulumi.get_stack()
    load_settings(project_dir, stack)  # refuses a misspelt key, which pulumi.Config cannot see
    texts = {key: get_config(f"{project}:{key}") for key in defaults}
    values = {key: text for key, text in texts.items() if text is not None}
    return Settings.from_values(project_dir, project, stack, values, defaults)


def warn_of_shared_wishes(settings: Settings) -> None:
    """Warn where a one-time wish stands in the stack file that the whole team shares."""
    if settings.stack != COMMITTED_STACK:
        return
    wishes = {"bulkMode": settings.bulk_mode, "dump": settings.dump, "release": settings.release}
    for key in PERSONAL_KEYS:
        if wishes[key]:
            pulumi.warn(
                f"{key} is set in Pulumi.{COMMITTED_STACK}.yaml, which every teammate shares."
                f" Run `pulumi config rm {key}` before you commit, or use a stack of your own:"
                " python3 bootstrap.py stack NAME"
            )
