"""What the tests of forms have in common."""

from typing import Any

TYPED_OPTIONS = {
    "digest": False,
    "answers_by_mail": False,
    "imap_port": 993,
    "limits": {
        "burst": 3,
        "messages_per_minute": 0,
        "messages_per_day": 0,
        "size_budget": 50,
    },
    "history_titles": True,
    "times": {"timeout": 60, "expires_after": 48, "history_days": 7},
}
"""What a person types into the options, in the form's sections."""
STORED_OPTIONS = {
    "digest": False,
    "answers_by_mail": False,
    "imap_port": 993,
    "burst": 3,
    "messages_per_minute": 0,
    "messages_per_day": 0,
    "size_budget": 50,
    "timeout": 60,
    "expires_after": 48,
    "history_titles": True,
    "history_days": 7,
}


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
