"""How Git shows backups, and what to do once one grows too large for it."""

from __future__ import annotations

import re
from pathlib import Path

from pgseed.units import size

LIMIT_BYTES = 50 * 1024 * 1024
"""Where GitHub starts to warn; at 100 MB it refuses the push."""

# For the files of which .gitattributes says `diff=velpharma-backup`.
DIFF_CONFIGURATION = (
    ("diff.velpharma-backup.textconv", "python -m vpdb textconv"),
    # Lines at the margin name a row; git shows the nearest one above each change.
    ("diff.velpharma-backup.xfuncname", "^([^ ].*)$"),
    ("diff.velpharma-backup.cachetextconv", "true"),
)
_LFS = "filter=lfs diff=lfs merge=lfs -text"


def size_advice(path: Path, size_bytes: int) -> str:
    """The remedies, with commands, for a backup over the limit; empty below it."""
    if size_bytes <= LIMIT_BYTES:
        return ""
    name = path.as_posix()
    ways = [
        "Git LFS:\n"
        "    git lfs install\n"
        f'    git lfs track "{name}"\n'
        f"    git add .gitattributes {name}"
    ]
    if path.suffix == ".sql":
        packed = f"{name}.zst"
        ways.append(
            "a compressed file, some 5 to 10 times smaller, but without a readable `git diff`:\n"
            f"    python -m vpdb dump --out {packed}\n"
            f"    git rm --cached {name}\n"
            f"    pulumi config set backup {packed}"
        )
    ways.append(
        "shared storage, the file's hash in the stack's configuration:\n"
        "    pulumi config set backupUrl https://…\n"
        f"    pulumi config set backupSha256 \"$(sha256sum {name} | cut -d' ' -f1)\""
    )
    listed = "\n".join(f"  {number}. {way}" for number, way in enumerate(ways, start=1))
    return (
        f"{name} has {size(size_bytes)}; above {size(LIMIT_BYTES)} Git becomes slow and GitHub "
        f"warns, above 100 MB it refuses. Ways out:\n{listed}"
    )


def with_lfs(attributes: str, pattern: str) -> str:
    """The text of .gitattributes with `pattern` kept in Git LFS, once, as its last word on it."""
    line = f"{pattern} {_LFS}"
    other = re.compile(rf"{re.escape(pattern)}\s.*\bfilter=lfs\b.*")
    lines = [kept for kept in attributes.splitlines() if not other.fullmatch(kept)]
    return "\n".join([*lines, line]) + "\n"
