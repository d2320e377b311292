"""The one place where a MailError becomes an error that a person reads."""

from collections.abc import Collection

from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import CONF_ENCRYPTION, DOMAIN, QQ_DOMAINS
from .mail.diagnosis import Cause
from .mail.exceptions import InvalidMailboxError, MailError
from .mail.models import Account, Mailbox

_FIELDS = {
    Cause.HOST_NOT_FOUND: CONF_HOST,
    Cause.CERTIFICATE_NAME: CONF_HOST,
    Cause.CERTIFICATE_UNTRUSTED: CONF_HOST,
    Cause.NO_LOGIN: CONF_HOST,
    Cause.CONNECTION_REFUSED: CONF_PORT,
    Cause.NOT_SMTP: CONF_PORT,
    Cause.STARTTLS_PORT: CONF_ENCRYPTION,
    Cause.TLS_PORT: CONF_ENCRYPTION,
    Cause.NO_STARTTLS: CONF_ENCRYPTION,
    Cause.LOGIN_AMBIGUOUS: CONF_PASSWORD,
    Cause.LOGIN_CLOSED: CONF_PASSWORD,
    Cause.LOGIN_NEEDS_CODE: CONF_PASSWORD,
    Cause.LOGIN_AT_EXMAIL: CONF_PASSWORD,
    Cause.LOGIN_REFUSED: CONF_PASSWORD,
}

# Their texts differ where the account may belong to Tencent Exmail, which has
# hosts of its own and a client-specific password.
_CAUSES_WITH_EXMAIL_TEXT = (
    Cause.LOGIN_AMBIGUOUS,
    Cause.LOGIN_CLOSED,
    Cause.LOGIN_NEEDS_CODE,
    Cause.LOGIN_REFUSED,
)


def translation_key(err: MailError, account: Account) -> str:
    """Return the key of the text that says what happened and what to do."""
    exmail = Mailbox(account.username).domain not in QQ_DOMAINS
    if exmail and err.cause in _CAUSES_WITH_EXMAIL_TEXT:
        return f"{err.cause}_exmail"
    return err.cause


def placeholders(err: MailError, account: Account) -> dict[str, str]:
    """Return what the texts may name."""
    return {
        "account": account.username,
        "host": account.host,
        "port": str(account.port),
        "reply": str(err.reply or err.detail),
    }


def form_field(err: MailError, fields: Collection[str]) -> str:
    """Return the field of a form at which an error belongs."""
    field = _FIELDS.get(err.cause, "base")
    return field if field in fields else "base"


def action_error(err: MailError, account: Account) -> HomeAssistantError:
    """Return what an action raises when its message was not accepted."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=translation_key(err, account),
        translation_placeholders=placeholders(err, account),
    )


def invalid_address(err: InvalidMailboxError) -> ServiceValidationError:
    """Return what an action raises when it is given no mail address."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="invalid_address",
        translation_placeholders={"address": err.text},
    )
