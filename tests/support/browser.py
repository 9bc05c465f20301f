"""A real browser, without a window: Debian's Chromium, which `.ci/run` installs."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium")


def text_of_page(url: str, profile: Path) -> str:
    """
    Return the text that a page shows once its scripts have nothing left to do.

    :param profile: folder for the browser's own files.
    """
    assert CHROMIUM
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            # The tests may run as root, with whom Chromium's sandbox does not work.
            "--no-sandbox",
            f"--user-data-dir={profile}",
            # Airflow renders those lines of a log that fit into the window.
            "--window-size=2000,5000",
            # Of the browser's own time, which stands still while it waits for an answer.
            "--virtual-time-budget=10000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<(br|p|div)\b", r"\n<\1", done.stdout)))
