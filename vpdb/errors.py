"""The failures that only this application knows; the engine's are in pgseed.errors."""

from __future__ import annotations

from pgseed.errors import SeedError


class SettingRefused(SeedError):
    """A configuration value breaks its rule; the text gives rule, value and a valid example."""


class GuardRefused(SeedError):
    """The server is not one that this stack created, so nothing on it is touched."""
