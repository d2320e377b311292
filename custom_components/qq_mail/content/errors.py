"""Errors with translated texts: what is wrong with a call, or missing in its mail."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from .redaction import quoted


class AttachmentError(HomeAssistantError):
    """Says which attachment is missing in a mail, why, and what to do."""

    def __init__(self, key: str, attachment: str, **placeholders: str) -> None:
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=f"attachment_{key}",
            translation_placeholders={
                "attachment": quoted(attachment),
                **placeholders,
            },
        )


def translated_error(key: str, **placeholders: str) -> HomeAssistantError:
    """Return the error with this translation key, for what is no fault of a caller's."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def field_error(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the same for a value that a caller gave."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def invalid_address(*texts: str) -> ServiceValidationError:
    """Return the error for texts that are no mail addresses."""
    return field_error("invalid_address", address=", ".join(texts))
