"""What is wrong with a call, or missing in its message: errors with translated texts."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import DOMAIN
from ..mail.address import InvalidMailboxError


class AttachmentError(HomeAssistantError):
    """Says what is missing in a message, why, and what to do."""

    def __init__(self, key: str, attachment: str, **placeholders: str) -> None:
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=f"attachment_{key}",
            translation_placeholders={"attachment": attachment, **placeholders},
        )


def field_error(key: str, **placeholders: str) -> ServiceValidationError:
    """Return an error with its text."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def invalid_address(err: InvalidMailboxError) -> ServiceValidationError:
    """Return what an action raises when it is given no mail address."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="invalid_address",
        translation_placeholders={"address": err.text},
    )
