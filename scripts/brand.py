"""Draw icon and logo, for light and for dark backgrounds, in both resolutions."""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import CHROMIUM

BRAND = Path(__file__).parents[1] / "custom_components" / "qq_mail" / "brand"
ICON = 256
"""Pixels; the logo is as high, before its edges are trimmed."""

# The blue of the house, and the ink of the words.
VARIANTS = {"": ("#1677d2", "#17324d"), "dark_": ("#4aa3f5", "#f2f6fa")}

LOGO = """
<div style="display:inline-flex;align-items:center;gap:36px;height:256px">
  <div style="width:228px;height:228px">{icon}</div>
  <div style="font-family:'DejaVu Sans',sans-serif;color:{ink};line-height:1;
              white-space:nowrap">
    <div style="font-size:104px;font-weight:bold;letter-spacing:-3px">QQ Mail</div>
    <div style="font-size:47px;margin-top:22px">for Home Assistant</div>
  </div>
</div>
"""


def main() -> None:
    """Write every picture."""
    source = (BRAND / "icon.svg").read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu"],
        )
        for prefix, (blue, ink) in VARIANTS.items():
            icon = source.replace("#1677d2", blue)
            logo = LOGO.format(icon=icon, ink=ink)
            edges: tuple[int, int, int, int] | None = None
            for scale, suffix in ((1, ""), (2, "@2x")):
                square = drawn(
                    browser, f"<div style='width:{ICON}px'>{icon}</div>", scale
                )
                square.crop((0, 0, ICON * scale, ICON * scale)).save(
                    BRAND / f"{prefix}icon{suffix}.png", optimize=True
                )
                wide = drawn(browser, logo, scale)
                # In both resolutions the same: the one is twice the other.
                edges = edges or trimmed(wide)
                left, top, right, bottom = (edge * scale for edge in edges)
                wide.crop((left, top, right, bottom)).save(
                    BRAND / f"{prefix}logo{suffix}.png", optimize=True
                )
        browser.close()


def drawn(browser: Browser, html: str, scale: int) -> Image.Image:
    """Return what HTML looks like on nothing."""
    page = browser.new_page(
        viewport={"width": 1200, "height": 300}, device_scale_factor=scale
    )
    page.set_content(f"<body style='margin:0;background:none'>{html}</body>")
    picture = page.screenshot(omit_background=True)
    page.close()
    return Image.open(BytesIO(picture))


def trimmed(picture: Image.Image) -> tuple[int, int, int, int]:
    """Return where there is something."""
    edges = picture.getbbox()
    if edges is None:
        raise SystemExit("The browser drew nothing.")
    return edges


if __name__ == "__main__":
    main()
