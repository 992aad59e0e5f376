"""Make the documents' pictures from real runs: `python docs/pictures.py` in a prepared shell.

Each picture is a command's own output on a terminal of 100 columns, as SVG. The stack is the
selected one; its data is changed and put back.
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.text import Text

PROJECT_DIR = Path(__file__).resolve().parent.parent
BACKUP = PROJECT_DIR / "backups" / "production_backup_data_only.sql"
COLUMNS, ROWS = 100, 40
# The cursor's moves and the terminal's modes: what stays is text and colour.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-HJKSThlsu]|\x1b\][^\x07]*\x07|\x1b[=>78]|\r")


def run_on_terminal(command: list[str], *, end_after_s: float | None = None) -> str:
    """Run a command on a terminal of its own; return what it wrote. `q` is typed after the time."""
    parent, child = pty.openpty()
    ioctl(child, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    process = subprocess.Popen(
        command, cwd=PROJECT_DIR, env=env, stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    began, output = time.monotonic(), b""
    typed = False
    while True:
        ready, _, _ = select.select([parent], [], [], 0.2)
        if ready:
            try:
                chunk = os.read(parent, 65536)
            except OSError:
                break
            if not chunk:
                break
            output += chunk
        if end_after_s and not typed and time.monotonic() - began > end_after_s:
            os.write(parent, b"q")
            typed = True
    process.wait()
    os.close(parent)
    return output.decode(errors="replace")


def draw(name: str, title: str, output: str, *, most_lines: int = ROWS) -> None:
    """Write docs/<name>.svg from a terminal's output."""
    lines = [line.rstrip() for line in _CONTROL.sub("", output).split("\n")]
    text = "\n".join(lines).strip("\n").split("\n")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in text[:most_lines]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    path = PROJECT_DIR / "docs" / f"{name}.svg"
    console.save_svg(str(path), title=title)
    print(f"wrote {path.relative_to(PROJECT_DIR)}")


def last_screen(output: str) -> str:
    """Return the last frame of a full-screen program: what follows its last move to the top."""
    frames = re.split(r"\x1b\[H", output)
    return max(frames[-3:], key=len) if len(frames) > 1 else output


def main() -> None:
    vpdb = [sys.executable, "-m", "vpdb"]
    pulumi = ["pulumi", "--color=always", "--non-interactive"]
    original = BACKUP.read_bytes()
    sql = "UPDATE vpv4.products SET name = name || ' forte' WHERE product_id < 4"
    try:
        BACKUP.write_bytes(with_fewer_rows(original))
        subprocess.run([*vpdb, "psql", "-q", "-c", sql], cwd=PROJECT_DIR, check=True)
        draw("preview", "pulumi preview --diff", run_on_terminal([*pulumi, "preview", "--diff"]))
        draw("status", "python -m vpdb status", run_on_terminal([*vpdb, "status"]))
        up = [*pulumi, "up", "--yes", "--skip-preview"]
        draw("up", "pulumi up", run_on_terminal(up))
        monitor = run_on_terminal([*vpdb, "monitor", "--interval", "1"], end_after_s=4)
        draw("monitor", "python -m vpdb monitor", last_screen(monitor))
    finally:
        BACKUP.write_bytes(original)
        subprocess.run([*pulumi, "up", "--yes", "--skip-preview"], cwd=PROJECT_DIR, check=True)


def with_fewer_rows(backup: bytes) -> bytes:
    """Return the backup as another month's might be: two reaction rows fewer at the end."""
    start = backup.index(b"COPY vpv4.adverse_drug_reactions")
    end = backup.index(b"\n\\.\n", start)
    shortened = backup[start:end].rsplit(b"\n", 2)[0]
    return backup[:start] + shortened + backup[end:]


if __name__ == "__main__":
    main()
