"""What the tests of forms have in common."""

from typing import Any

from custom_components.qq_mail.options import OPTIONS, Section

STORED_OPTIONS: dict[str, Any] = {
    one.key: one.default
    for one in OPTIONS
    if one.default is not None and not one.several
} | {
    "digest": False,
    "burst": 3,
    "messages_per_minute": 0,
    "messages_per_day": 0,
    "size_budget": 50,
    "timeout": 60,
    "expires_after": 48,
}
"""What is stored of that; what a person leaves alone has its default."""
TYPED_OPTIONS: dict[str, Any] = {
    one.key: STORED_OPTIONS[one.key]
    for one in OPTIONS
    if one.key in STORED_OPTIONS and not one.section
} | {
    str(part): {
        one.key: STORED_OPTIONS[one.key]
        for one in OPTIONS
        if one.section is part and not one.several
    }
    for part in Section
}
"""What a person types into the options, in the form's sections."""


def placeholders_of(result: Any) -> dict[str, str]:
    """Return what the form's texts may name."""
    return dict(result["description_placeholders"])


def suggestions(result: Any) -> dict[str, Any]:
    """Return what a form shows in its fields, outside its sections."""
    return {
        str(key): (key.description or {}).get("suggested_value")
        for key, field in result["data_schema"].schema.items()
        if not hasattr(field, "schema")
    }
