"""What a failed build says, from the output of both builders."""

from __future__ import annotations

import pytest

from vpdb.image import failing_step

BUILDKIT = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 1.21kB done
#1 DONE 0.0s

#2 [internal] load metadata for docker.io/library/postgres:17-trixie
#2 DONE 0.9s

#6 [2/5] RUN apt-get update && apt-get install -y postgresql-17-nosuch
#6 0.312 Hit:1 http://deb.debian.org/debian trixie InRelease
#6 0.951 Reading package lists...
#6 1.402 Building dependency tree...
#6 1.533 Reading state information...
#6 1.544 E: Unable to locate package postgresql-17-nosuch
#6 ERROR: process "/bin/sh -c apt-get update && apt-get install -y postgresql-17-nosuch" did not \
complete successfully: exit code: 100

#7 [3/5] COPY velpharma.conf /etc/postgresql/
#7 CANCELED
------
 > [2/5] RUN apt-get update && apt-get install -y postgresql-17-nosuch:
0.951 Reading package lists...
1.402 Building dependency tree...
1.533 Reading state information...
1.544 E: Unable to locate package postgresql-17-nosuch
------
Dockerfile:12
--------------------
  10 |     FROM ${BASE_IMAGE}
  11 |
  12 | >>> RUN apt-get update && apt-get install -y postgresql-17-nosuch
  13 |
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c apt-get update && apt-get install -y \
postgresql-17-nosuch" did not complete successfully: exit code: 100
"""

NO_BASE = """\
#2 [internal] load metadata for docker.io/library/nosuch:17
#2 ERROR: docker.io/library/nosuch:17: not found
------
 > [internal] load metadata for docker.io/library/nosuch:17:
------
ERROR: failed to solve: nosuch:17: docker.io/library/nosuch:17: not found
"""

CLASSIC = """\
Sending build context to Docker daemon  3.584kB\r\r
Step 1/3 : ARG BASE_IMAGE
Step 2/3 : FROM ${BASE_IMAGE}
 ---> 58db3edaf2be
Step 3/3 : RUN apt-get install -y wget
 ---> Running in 2e792293343c
Reading package lists...
\x1b[91mE: Unable to locate package wget
\x1b[0m"""
CLASSIC_REASON = """\
DEPRECATED: The legacy builder is deprecated and will be removed in a future release.

The command '/bin/sh -c apt-get install -y wget' returned a non-zero code: 100
"""


@pytest.mark.parametrize(
    ("stdout", "stderr", "first", "last"),
    [
        ("", BUILDKIT, "Reading package lists... / ", "exit code: 100"),
        (CLASSIC, CLASSIC_REASON, "Reading package lists... / ", "non-zero code: 100"),
        ("", NO_BASE, "failed to solve: nosuch:17", "not found"),
        ("", "ERROR: failed to read dockerfile: no such file.", "failed to read", "no such file"),
        ("", "", "no reason given", "no reason given"),
    ],
    ids=["BuildKit", "classic", "no base image", "no Dockerfile", "silent"],
)
def test_the_cause_stands_before_the_builders_reason(
    stdout: str, stderr: str, first: str, last: str
) -> None:
    text = failing_step(stdout, stderr)
    assert text.startswith(first)
    assert text.endswith(last)
    assert "\n" not in text
    assert ("E: Unable to locate package" in text) == ("Reading" in first)
