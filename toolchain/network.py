"""Whether a site answers from here, found out in 5 seconds at most and once in a run."""

from __future__ import annotations

import functools
import threading
import urllib.error
import urllib.request

PULUMI_DOWNLOADS = "https://get.pulumi.com/install.sh"
DOCKER_REGISTRY = "https://registry-1.docker.io/v2/"

LIMIT_SECONDS = 5.0


@functools.cache
def reachable(url: str) -> bool:
    """Return whether the site gives this page, or asks to log in for it.

    A closed network answers at once with an error, or never: name look-ups and handshakes have no
    common time limit, so the question is asked in a thread that is left behind when time is up.
    Proxies of the environment are used. A proxy's own refusal counts as not reachable.
    """
    verdict: list[bool] = []
    thread = threading.Thread(target=lambda: verdict.append(_asks(url)), daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    return bool(verdict and verdict[0])


def _asks(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "velpharma"})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401  # the registry's way of saying "log in first"
    except (OSError, ValueError):
        return False
