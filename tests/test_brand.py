"""Icon and logo, as Home Assistant's brands want them."""

from pathlib import Path

from PIL import Image
import pytest

import custom_components.qq_mail as integration

BRAND = Path(integration.__file__).parent / "brand"
VARIANTS = ["", "dark_"]


def opened(name: str) -> Image.Image:
    """Return a picture, and insist that it can be seen through at its edges."""
    picture = Image.open(BRAND / f"{name}.png")
    assert picture.format == "PNG"
    assert picture.convert("RGBA").getpixel((0, 0)) == (0, 0, 0, 0)
    return picture


@pytest.mark.parametrize("variant", VARIANTS)
def test_icon(variant: str) -> None:
    """A square of 256 pixels, and of twice as many."""
    assert opened(f"{variant}icon").size == (256, 256)
    assert opened(f"{variant}icon@2x").size == (512, 512)


@pytest.mark.parametrize("variant", VARIANTS)
def test_logo(variant: str) -> None:
    """Wide, trimmed, and its shorter side from 128 to 256 pixels."""
    logo, double = opened(f"{variant}logo"), opened(f"{variant}logo@2x")
    width, height = logo.size
    assert width > 2 * height
    assert 128 <= height <= 256
    assert logo.convert("RGBA").getbbox() == (0, 0, width, height)
    assert double.size == (2 * width, 2 * height)


def test_light_and_dark_differ() -> None:
    """Each can be read on its background."""
    light, dark = opened("logo"), opened("dark_logo")
    assert light.size == dark.size
    assert light.tobytes() != dark.tobytes()
