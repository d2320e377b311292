"""What is wrong with a call, or missing in its message: errors with translated texts."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from .redaction import quoted


class AttachmentError(HomeAssistantError):
    """Says what is missing in a message, why, and what to do."""

    def __init__(self, key: str, attachment: str, **placeholders: str) -> None:
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=f"attachment_{key}",
            translation_placeholders={
                "attachment": quoted(attachment),
                **placeholders,
            },
        )


def field_error(key: str, **placeholders: str) -> ServiceValidationError:
    """Return an error with its text."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def invalid_address(*texts: str) -> ServiceValidationError:
    """Return what is said of texts that are no mail addresses."""
    return field_error("invalid_address", address=", ".join(texts))
