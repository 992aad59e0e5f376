"""What git says of a checkout; nothing where there is none, or no git."""

from __future__ import annotations

import subprocess
from pathlib import Path


def ask_git(folder: Path, *args: str) -> str:
    """Return what a git command prints, "" where it fails."""
    try:
        done = subprocess.run(
            ["git", *args], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
