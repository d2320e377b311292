"""A preview shows the pictures that are in it, and nothing else changes."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.qq_mail.mime.models import BodyPart
from custom_components.qq_mail.sending.preview import with_pictures

PICTURE = BodyPart(
    content=b"\x89PNG",
    media_type="image/png",
    filename="a.png",
    content_id="the door@qq_mail",
    inline=True,
)
ON_DISK = BodyPart(
    content=Path("large.png"),
    media_type="image/png",
    filename="large.png",
    content_id="large",
    inline=True,
)
ATTACHED = BodyPart(
    content=b"%PDF", media_type="application/pdf", filename="b.pdf", content_id="b"
)
URL = "data:image/png;base64,iVBORw=="


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        pytest.param(
            '<img src="cid:the%20door@qq_mail">', f'<img src="{URL}">', id="quoted"
        ),
        pytest.param(
            "<img src='CID:the%20door&#64;qq_mail'>", f'<img src="{URL}">', id="own"
        ),
        pytest.param(
            "<img alt=a src=cid:the%20door@qq_mail width=3>",
            f'<img alt=a src="{URL}" width=3>',
            id="bare",
        ),
        pytest.param(
            '<td background = " cid:the%20door@qq_mail ">',
            f'<td background = " {URL} ">',
            id="blanks",
        ),
        pytest.param(
            "<p style='color:red;background:url(&quot;cid:the%20door@qq_mail&quot;)'>",
            f'<p style="color:red;background:url(&quot;{URL}&quot;)">',
            id="style",
        ),
        pytest.param(
            "<style>p{background:url( 'cid:the%20door@qq_mail')}</style><p>&amp;",
            f"<style>p{{background:url( '{URL}')}}</style><p>&amp;",
            id="style sheet",
        ),
        *(
            pytest.param(html, html, id=html)
            for html in (
                '<img src="cid:large">',
                '<a href="cid:b">',
                '<img src="cid:nowhere">',
                "<p>cid:the%20door@qq_mail</p>",
                '<p title="cid:the%20door@qq_mail">',
                '<!-- <img src="cid:the%20door@qq_mail"> -->',
            )
        ),
    ],
)
def test_with_pictures(html: str, shown: str) -> None:
    """By what the HTML refers to, however that is written."""
    assert with_pictures(html, [PICTURE, ON_DISK, ATTACHED], 100) == shown


def test_pictures_on_disk(tmp_path: Path) -> None:
    """They are read if they fit; room is shared by all."""
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG")
    parts = [
        replace(PICTURE, content=file, content_id=name, inline=True)
        for name in ("one", "two")
    ]
    html = '<img src="cid:one"><img src="cid:two">'
    assert with_pictures(html, parts, 100) == f'<img src="{URL}"><img src="{URL}">'
    assert with_pictures(html, parts, 8) == f'<img src="{URL}"><img src="cid:two">'
    assert with_pictures(html, parts, 7) == html
