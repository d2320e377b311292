"""Repair issues: each is there with its texts, or not at all."""

from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN


@callback
def async_show_issue(
    hass: HomeAssistant,
    issue: str,
    about: str,
    texts: dict[str, str] | None,
    *,
    is_fixable: bool = False,
    is_error: bool = False,
    **others: Any,
) -> None:
    """Raise an issue, a key in the translations; without `texts`, withdraw it.

    There is one for each thing that it is `about`; empty: only one.
    """
    issue_id = f"{issue}_{about}" if about else issue
    if texts is None:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=is_fixable,
        severity=ir.IssueSeverity.ERROR if is_error else ir.IssueSeverity.WARNING,
        translation_key=issue,
        translation_placeholders=texts,
        **others,
    )
