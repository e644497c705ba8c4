"""Take a picture of every page: phone and desktop, light and dark.

Usage: python scripts/screenshots.py OUTDIR
"""

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.browser.samples import CHROMIUM_ARGUMENTS, chromium, samples, serving  # noqa: E402 - needs the path above

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(folder: Path) -> None:
    """Write PAGE-SIZE-SCHEME.png into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        for size, (width, height) in SIZES.items():
            for scheme in SCHEMES:
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                for name in samples():
                    page.goto(f"{origin}/{name}")
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the script and one argument
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
