"""Every text exists in every language, and every text that the code names exists."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

import custom_components.qq_mail as integration
from custom_components.qq_mail import (
    binary_sensor,
    button,
    config_flow,
    event,
    form,
    recipient_flow,
    sensor,
)
from custom_components.qq_mail.errors import _CAUSES_WITH_EXMAIL_TEXT
from custom_components.qq_mail.mail.diagnosis import Cause, Treatment
from custom_components.qq_mail.mail.models import Encryption, Priority
from custom_components.qq_mail.message.fields import Format, MessageField, Source
from custom_components.qq_mail.outbox.outcome import Outcome
from custom_components.qq_mail.repairs import Issue
from custom_components.qq_mail.services import Action
from custom_components.qq_mail.trigger import TRIGGERS
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN

FOLDER = Path(integration.__file__).parent
LANGUAGES = ("en", "zh-Hans", "zh-Hant")
PLACEHOLDER = re.compile(r"{(\w+)}")
NAME = ("name", "description")
MESSAGE_ERRORS = {
    "attachment_entity",
    "attachment_source",
    "clear_needs_tag",
    "invalid_content_id",
    "invalid_entities",
    "invalid_expires_after",
    "invalid_format",
    "invalid_link",
    "invalid_media_source",
    "invalid_priority",
    "invalid_text",
    "invalid_url",
    "invalid_wait",
    "invalid_yes_no",
    "nothing_to_say",
    "tag_too_long",
    "unknown_field",
    "unknown_field_of_attachment",
    "unknown_field_of_attachment_options",
    "unknown_field_options",
}

ATTACHMENT_FAILURES = {
    "not_allowed",
    "not_found",
    "not_supported",
    "too_large",
    "too_many",
    "too_slow",
    "unavailable",
    "url_not_allowed",
}

# What the texts may name, by where they stand.
PLACEHOLDERS = {
    "config": {
        "account",
        "address",
        "code_url",
        "host",
        "port",
        "port_max",
        "port_min",
        "reply",
        "waiting",
    },
    "config_subentries": {"address"},
    "entity": set[str](),
    "exceptions": {
        "account",
        "address",
        "attachment",
        "entity",
        "field",
        "host",
        "limit",
        "link",
        "minutes",
        "number",
        "options",
        "port",
        "queue_id",
        "reason",
        "reply",
        "seconds",
        "size",
        "suggestion",
        "time",
        "value",
    },
    "issues": {"account", "folder", "number", "time", "url"},
    "options": {
        "address",
        *(f"{field}_{end}" for field in form.RANGES for end in ("min", "max")),
    },
    "selector": set[str](),
    "services": set[str](),
    "system_health": set[str](),
    "triggers": set[str](),
}


def flat(texts: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return every text by its path."""
    result: dict[str, str] = {}
    for key, value in texts.items():
        if isinstance(value, dict):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def texts_of(language: str) -> dict[str, str]:
    """Read the texts of a language."""
    file = FOLDER / "translations" / f"{language}.json"
    return flat(json.loads(file.read_text(encoding="utf-8")))


def test_languages() -> None:
    """There are these languages and no others."""
    files = {file.stem for file in (FOLDER / "translations").iterdir()}
    assert files == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_alike_in_every_language(language: str) -> None:
    """Same keys, same placeholders, nothing empty and nothing left in English."""
    english, texts = texts_of("en"), texts_of(language)
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text == text.strip() != ""
        assert set(PLACEHOLDER.findall(text)) == set(
            PLACEHOLDER.findall(english[key])
        ), key
        assert set(PLACEHOLDER.findall(text)) <= PLACEHOLDERS[key.partition(".")[0]]
        # What Home Assistant's validation refuses.
        assert not re.search(r"https?://|<[^>]*>|'{", text), key
    if language != "en":
        same = {key for key in texts if texts[key] == english[key]}
        assert same == {"selector.encryption.options.starttls"}


def entity_texts() -> set[str]:
    """Return what the entities' descriptions ask for."""
    problem = f"entity.binary_sensor.{binary_sensor.PROBLEM.key}"
    message = f"entity.event.{event.MESSAGE.key}"
    holds = {Treatment.PAUSE, Treatment.LOGIN_LATER, Treatment.NEW_CODE}
    return {
        f"{problem}.name",
        *(f"{problem}.state_attributes.{key}.name" for key in ("cause", "until")),
        *(
            f"{problem}.state_attributes.cause.state.{cause}"
            for cause in (*Cause, Outcome.EXPIRED)
            if cause is Outcome.EXPIRED or Cause(cause).treatment in holds
        ),
        *(f"entity.button.{description.key}.name" for description in button.BUTTONS),
        f"{message}.name",
        *(
            f"{message}.state_attributes.{key}.name"
            for name, key in vars(event).items()
            if name.startswith("ATTR_")
        ),
        *(f"{message}.state_attributes.cause.state.{cause}" for cause in Cause),
        *(
            f"{message}.state_attributes.event_type.state.{outcome}"
            for outcome in Outcome
        ),
        *(f"entity.sensor.{description.key}.name" for description in sensor.SENSORS),
        *(
            f"entity.sensor.{description.key}.unit_of_measurement"
            for description in sensor.SENSORS
            if description.state_class
        ),
    }


def test_every_text_the_code_names() -> None:
    """Forms, fields, errors and exceptions all have their texts, and no text more."""
    # What cannot happen before a message is submitted is no error of a form.
    submitting = set(list(Cause)[list(Cause).index(Cause.SENDER_MISMATCH) :])
    submitting -= {Cause.TEMPORARY}
    exmail = {f"{cause}_exmail" for cause in _CAUSES_WITH_EXMAIL_TEXT}
    expected = {
        *(
            f"config.abort.{key}"
            for key in (
                "already_configured",
                "reauth_successful",
                "reconfigure_successful",
                "removed",
            )
        ),
        "config_subentries.recipient.abort.reconfigure_successful",
        "config_subentries.recipient.abort.removed",
        "options.abort.removed",
        "config_subentries.recipient.entry_type",
        "config_subentries.recipient.initiate_flow.reconfigure",
        "config_subentries.recipient.initiate_flow.user",
        *(
            f"config_subentries.recipient.error.{key}"
            for key in (
                "invalid_address",
                "name_missing",
                "name_too_long",
                "no_recipients",
            )
        ),
        *(
            f"config.error.{key}"
            for key in (set(Cause) - submitting)
            | exmail
            | {"invalid_address", "invalid_host", "port_range"}
            | {"code_missing", "code_not_ascii", "still_checking"}
        ),
        *(
            f"options.error.{key}"
            for key in (
                "invalid_address",
                "sender_name_too_long",
                *(f"{field}_range" for field in config_flow.NUMBERS),
            )
        ),
        *(
            f"exceptions.{key}.message"
            for key in set(Cause)
            | exmail
            | {
                "invalid_address",
                "late",
                "not_kept",
                "outbox_closed",
                "outbox_full",
                "too_large",
            }
            | {"nobody_in_target", "not_our_entity", "several_accounts"}
            | {"entity_not_found", "no_url", "over"}
            | {
                f"card_{text}"
                for text in (
                    *("name", "state", "since", "open"),
                    *(STATE_UNAVAILABLE, STATE_UNKNOWN),
                )
            }
            | {"account_needed", "account_not_found", "account_not_loaded"}
            | {"unknown_queue_id"}
            | {f"attachment_{key}" for key in ATTACHMENT_FAILURES}
            | MESSAGE_ERRORS
        ),
        *(
            f"services.{action}.{text}"
            for action in (Action.SEND_MESSAGE, Action.PREVIEW_MESSAGE)
            for text in (
                *NAME,
                *(f"fields.{field}.{name}" for field in MessageField for name in NAME),
                *(
                    f"sections.{section}.{name}"
                    for section in ("card", "recipients", "more")
                    for name in NAME
                ),
            )
        ),
        *(
            f"selector.attachments.fields.{field}.{name}"
            for field in (*Source, "filename", "content_id", "inline")
            for name in NAME
        ),
        *(f"selector.format.options.{option}" for option in Format),
        *(f"selector.priority.options.{option}" for option in Priority),
        *(
            f"services.{action}.{text}"
            for action in Action
            for text in (*NAME, *(f"fields.config_entry_id.{text}" for text in NAME))
        ),
        *(
            f"services.{action}.fields.queue_id.{text}"
            for action in (Action.RETRY, Action.DISCARD)
            for text in NAME
        ),
        *(
            f"triggers.{trigger}.{text}"
            for trigger in TRIGGERS
            for text in (*NAME, *(f"fields.config_entry_id.{text}" for text in NAME))
        ),
        *(f"issues.{issue}.title" for issue in Issue),
        "issues.paused.description",
        *(
            f"issues.{issue}.fix_flow.step.confirm.{text}"
            for issue in (Issue.DAMAGED, Issue.EXPIRED, Issue.TROUBLE)
            for text in ("title", "description")
        ),
        *(
            f"issues.{Issue.RESTORED}.fix_flow.step.init.{text}"
            for text in (
                *("title", "description"),
                *("menu_options.send", "menu_options.discard"),
            )
        ),
        *(
            f"system_health.info.{key}"
            for key in ("messages_waiting", "server_reachable")
        ),
        *(f"selector.encryption.options.{encryption}" for encryption in Encryption),
        *(f"exceptions.{key}.message" for key in ("test_message", "test_title")),
        *entity_texts(),
    }
    for step, schema in {
        "config.step.user": config_flow.USER_SCHEMA,
        "config.step.reauth_confirm": config_flow.REAUTH_SCHEMA,
        "config.step.reconfigure": config_flow.RECONFIGURE_SCHEMA,
        "options.step.init": config_flow.OPTIONS_SCHEMA,
        "config_subentries.recipient.step.user": recipient_flow.RECIPIENT_SCHEMA,
        "config_subentries.recipient.step.reconfigure": recipient_flow.RECIPIENT_SCHEMA,
    }.items():
        expected |= {f"{step}.title", f"{step}.description"}
        for field in schema.schema:
            expected |= {f"{step}.data.{field}", f"{step}.data_description.{field}"}
    assert set(texts_of("en")) == expected
