"""Every text exists in every language, and every text that the code names exists."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest
import voluptuous as vol

import custom_components.qq_mail as integration
from custom_components.qq_mail import (
    binary_sensor,
    button,
    config_flow,
    event,
    form,
    options_flow,
    recipient_flow,
    sensor,
)
from custom_components.qq_mail.answers.issues import (
    BOUNCED,
    INBOX,
    RETURNED,
    STRANGER,
    UNREAD,
)
from custom_components.qq_mail.buttons.links import PLAIN_HTTP
from custom_components.qq_mail.content.attachments.fields import Source
from custom_components.qq_mail.content.fields import FIELDS, Format
from custom_components.qq_mail.errors import _CAUSES_WITH_EXMAIL_TEXT, action_error
from custom_components.qq_mail.fallback import GONE, OFFER
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.options import OPTIONS, Kind, Section
from custom_components.qq_mail.outbox.core.models import Outcome, Reason
from custom_components.qq_mail.repairs import Issue
from custom_components.qq_mail.sending.recurring import RECURRING
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import Account, Encryption, Reply, Step
from custom_components.qq_mail.smtp.replies import Cause, Treatment
from custom_components.qq_mail.takeover.leftover import ISSUE_USES_CORE, ISSUE_YAML
from custom_components.qq_mail.texts import _FOR_READERS, _SETTING
from custom_components.qq_mail.trigger import TRIGGERS, AlarmTrigger
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, UnitOfInformation

FOLDER = Path(integration.__file__).parent
CAME = (BOUNCED, RETURNED, STRANGER)
LANGUAGES = ("en", "zh-Hans", "zh-Hant")
PLACEHOLDER = re.compile(r"{(\w+)}")
NAME = ("name", "description")
ACTIONS = {
    *("send_message", "preview_message", "get_outbox", "get_history"),
    *("retry", "discard", "acknowledge"),
}
TITLE = ("title", "description")
MENUS = {
    "start": ("another", "take_over"),
    "taken_over": ("server", "switch", "undo"),
}
MESSAGE_ERRORS = {
    "action_for_phones",
    "attachment_entity",
    "attachment_source",
    "clear_needs_tag",
    "invalid_action",
    "invalid_actions_expire_after",
    "invalid_choice",
    "invalid_content_id",
    "invalid_entities",
    "invalid_expires_after",
    "invalid_link",
    "invalid_media_source",
    "invalid_period",
    "invalid_repeat_after",
    "invalid_repeat_until",
    "invalid_url",
    "invalid_value",
    "invalid_wait",
    "invalid_yes_no",
    "nothing_to_say",
    "not_allowed_to_act",
    "sender_name_too_long",
    "tag_too_long",
    "target_empty",
    "target_not_found",
    "too_many_actions",
    "unknown_field",
    "unknown_field_of_action",
    "unknown_field_of_action_options",
    "unknown_field_of_attachment",
    "unknown_field_of_attachment_options",
    "unknown_field_of_chart",
    "unknown_field_of_chart_options",
    "unknown_field_options",
}

ATTACHMENT_FAILURES = {
    "empty",
    "failed",
    "no_picture",
    "not_allowed",
    "not_found",
    "not_supported",
    "too_large",
    "too_many",
    "too_slow",
    "unavailable",
    "url_goes_up",
    "url_not_allowed",
}

ANSWER_TEXTS = {
    *("ask", "done", "done_before", "done_before_text", "done_text"),
    *("from_elsewhere", "from_elsewhere_text", "logged", "mail", "not_ready"),
    *("not_ready_text", "small", "sure", "sure_text", "sure_yes", "too_many"),
    *("too_many_text", "unknown", "unknown_text"),
    *("acknowledged", "acknowledged_text", "replaced", "replaced_text"),
    *("not_kept_text", "unheard_text", "logged_by"),
}

# Why something does not go out, beside what the server says.
PROBLEMS = {
    *("attempt", "back_off", "disk", "expired", "fallback", "logins", "no_server"),
    *("paused", "turn"),
}

WAITS = {
    *(one.value for one in Reason if one is not Reason.PAUSED),
    *("fallback_home", "paused_login", "paused_rate"),
}
LOGGED = {
    *(one.value for one in Outcome),
    *("accepted_by", "digest", "discarded", "note", "unanswered"),
}

REPLY_TEXTS = {
    *("done", "not_understood", "over", "title_needed", "unheard", "used", "used_by"),
    "which",
    "words_needed",
    "words_unheard",
}

# What the texts may name, by where they stand.
DIGEST_TEXTS = {
    "subject",
    "subject_others",
    "title",
    "span",
    "times",
    "reply_to",
    "parts",
}

PLACEHOLDERS = {
    "config": {
        "account",
        "accounts",
        "address",
        "code_url",
        "domain",
        "entered",
        "host",
        "length",
        "notes",
        "number",
        "port",
        "port_max",
        "port_min",
        "reason",
        "reply",
        "waiting",
    },
    "config_subentries": {"account", "address", "example", "reason"},
    "entity": set[str](),
    "exceptions": {
        "account",
        "address",
        "attachment",
        "by",
        "cause",
        "choices",
        "code",
        "days",
        "delay",
        "digest",
        "entity",
        "field",
        "first",
        "highest",
        "host",
        "hours",
        "last",
        "left",
        "limit",
        "link",
        "lowest",
        "mean",
        "minutes",
        "name",
        "note",
        "now",
        "number",
        "options",
        "people",
        "person",
        "port",
        "priority",
        "queue_id",
        "reason",
        "recipients",
        "reply",
        "seconds",
        "sender",
        "since",
        "size",
        "span",
        "subject",
        "suggestion",
        "tag",
        "text",
        "time",
        "title",
        "titles",
        "total",
        "until",
        "value",
        "why",
        "who",
        "where",
    },
    "issues": {
        "account",
        "advice",
        "accounts",
        "by",
        "address",
        "alarms",
        "buttons",
        "counted",
        "action",
        "folder",
        "limit",
        "name",
        "number",
        "page",
        "reply",
        "sent",
        "subject",
        "time",
        "title",
        "titles",
        "url",
        "what",
        "why",
    },
    "options": {
        "address",
        "example",
        "from_example",
        "page",
        *("host", "port", "reply"),
        *(
            f"{one.key}_{end}"
            for one in OPTIONS
            if one.kind is Kind.NUMBER
            for end in ("min", "max")
        ),
    },
    "selector": set[str](),
    "services": set[str](),
    "system_health": set[str](),
    "title": set[str](),
    "triggers": set[str](),
}

# Words that a native would not use here, and the word for the thing: QQ Mail's own,
# else Home Assistant's.
OTHER_WORDS = {
    "zh-Hans": {
        "消息": "邮件",
        "} 条": "} 封",
        "标题": "主题",
        "应答": "答复",
        "不受欢迎": "垃圾邮件",
        "放弃时间": "发送期限",
        "触发器": "触发条件",
        "会计算": "会统计",
        "QQ邮箱": "QQ 邮箱",
        "实体 ID": "实体标识符",
        "已执行": "已按下",
    },
    "zh-Hant": {
        "訊息": "郵件",
        "會計算": "會統計",
        "} 則": "} 封",
        "標題": "主旨",
        "郵箱": "QQ 信箱",
        "客戶端": "用戶端",
        "優先級": "優先順序",
        "掃碼": "掃描 QR 碼",
        "斷電": "停電",
        "連接埠": "通訊埠",
        "區域": "分區",
        "不受歡迎": "垃圾郵件",
        "放棄時間": "寄送期限",
        "動作": "操作",
        "打開": "開啟",
        "收件者": "收件人",
        "寄件者": "寄件人",
        "已執行": "已按下",
        "地址": "位址",
    },
}


# What a text must not leave out, in each language.
SAYS = {
    # Of what is counted, more went out than mails.
    "issues.day_nearly_used.description": {
        "en": ["merged"],
        "zh-Hans": ["合并"],
        "zh-Hant": ["合併"],
    },
    # Of which each makes a mail.
    "exceptions.nothing_to_say.message": {
        "en": [
            "title",
            "message",
            "HTML",
            "attachment",
            "chart",
            "entities",
            "link",
            "button",
        ],
        "zh-Hans": ["主题", "正文", "HTML", "附件", "图表", "实体", "链接", "操作按钮"],
        "zh-Hant": ["主旨", "內文", "HTML", "附件", "圖表", "實體", "連結", "操作按鈕"],
    },
    # So that nobody believes that the numbers have to be understood first.
    "options.step.init.description": {
        "en": ["how many", "defaults"],
        "zh-Hans": ["最多发多少", "默认值"],
        "zh-Hant": ["最多寄多少", "預設值"],
    },
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
        assert not re.search(r"https?://|</?[a-zA-Z][^>]*>|'{", text), key
    if language != "en":
        same = {key for key in texts if texts[key] == english[key]}
        assert same == {"selector.encryption.options.starttls"}


@pytest.mark.parametrize(
    ("language", "word", "instead"),
    [
        pytest.param(language, word, instead, id=f"{language}-{word}")
        for language, words in OTHER_WORDS.items()
        for word, instead in words.items()
    ],
)
def test_one_word_for_each_thing(language: str, word: str, instead: str) -> None:
    """What people search for has one name everywhere."""
    texts = texts_of(language)
    assert [key for key, text in texts.items() if word in text] == [], instead
    assert [key for key, text in texts.items() if instead in text]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SAYS)
def test_says_what_matters(language: str, key: str) -> None:
    """What a person needs to understand a text stands in it."""
    text = texts_of(language)[key]
    assert [word for word in SAYS[key][language] if word not in text] == []


def entity_texts() -> set[str]:
    """Return what the entities' descriptions ask for."""
    problem = f"entity.binary_sensor.{binary_sensor.QQMailProblemEntity.entity_description.key}"
    message = f"entity.event.{event.QQMailMessageEntity.entity_description.key}"
    action = f"entity.event.{event.QQMailActionEntity.entity_description.key}"
    holds = {Treatment.PAUSE, Treatment.LOGIN_LATER, Treatment.NEW_CODE}
    return {
        f"{problem}.name",
        *(
            f"{problem}.state_attributes.{key}.name"
            for key in ("cause", "fallback", "fallback_since", "until")
        ),
        *(
            f"{problem}.state_attributes.cause.state.{cause}"
            for cause in (*(one for one in Cause if one.treatment in holds), *PROBLEMS)
        ),
        *(
            f"entity.button.{one.entity_description.key}.name"
            for one in (button.QQMailTestButton, button.QQMailRetryButton)
        ),
        f"{message}.name",
        *(
            f"{message}.state_attributes.{key}.name"
            for key in (
                *("attempts", "cause", "digest", "next_attempt", "queue_id"),
                *("recipients", "reply", "sent_by", "subject"),
            )
        ),
        f"{action}.name",
        *(
            f"{action}.state_attributes.{key}.name"
            for key in (
                *("action", "by", "channel", "queue_id", "recipients", "subject"),
                *("tag", "title"),
            )
        ),
        *(f"{action}.state_attributes.channel.state.{one}" for one in ("link", "mail")),
        *(
            f"{action}.state_attributes.event_type.state.{kind}"
            for kind in event.QQMailActionEntity.entity_description.event_types or ()
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


def chart_texts() -> set[str]:
    """Return what the charts say, each kind in its own words."""
    files = (FOLDER / "content").rglob("*.py")
    return set(re.findall(r'"(chart_\w+)"', "".join(one.read_text() for one in files)))


def page_texts() -> set[str]:
    """Return what the page's modules ask for, and what its commands say in words."""
    page = FOLDER / "page"
    modules = "".join(file.read_text() for file in (page / "web").glob("*.js"))
    commands = "".join(file.read_text() for file in page.glob("*.py"))
    outcomes = (*Outcome, "discarded", "repeated", "cleared", "failed")
    keys = {
        *re.findall(r'\bt\("(\w+)"', modules),
        *(f"outcome_{outcome}" for outcome in outcomes),
        *(f"tab_{tab}" for tab in ("outbox", "history", "compose", "check")),
        *(f"filter_{name}" for name in ("text", "outcome", "recipient")),
    }
    # Buttons and choices are named by the keys of their texts.
    words = {f"page_{word}" for word in re.findall(r"\w+", modules)}
    texts = {key.split(".")[1] for key in texts_of("en") if ".page_" in key}
    return {
        *(f"page_{key}" for key in keys),
        *(texts & words),
        *re.findall(r'"(page_\w+)"', commands),
    }


def test_every_text_the_code_names() -> None:
    """Forms, fields, errors and exceptions all have their texts, and no text more."""
    # What cannot happen before a message is submitted is no error of a form.
    submitting = set(list(Cause)[list(Cause).index(Cause.SENDER_MISMATCH) :])
    submitting -= {Cause.TEMPORARY}
    exmail = {f"{cause}_exmail" for cause in _CAUSES_WITH_EXMAIL_TEXT}
    expected = {
        "title",
        *(
            f"config.abort.{key}"
            for key in (
                *("already_configured", "not_switched", "switched"),
                *("take_over_gone", "undone"),
                "reauth_successful",
                "reconfigure_successful",
                "removed",
            )
        ),
        "config.create_entry.not_switched",
        "config.create_entry.taken_over",
        *(f"config.step.{step}.{text}" for step in MENUS for text in TITLE),
        *(
            f"config.step.{step}.menu_options.{option}"
            for step, options in MENUS.items()
            for option in options
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
                "test_refused",
            )
        ),
        *(
            f"config_subentries.recipient.create_entry.{key}"
            for key in ("default", "tested", "test_waits")
        ),
        *(
            f"config.error.{key}"
            for key in (set(Cause) - submitting)
            | exmail
            | {"address_missing", "invalid_address", "invalid_host", "port_range"}
            | {"code_missing", "code_not_ascii", "code_shape", "other_provider"}
            | {"still_checking"}
        ),
        *(
            f"options.error.{key}"
            for key in (
                "address_missing",
                "invalid_address",
                "sender_name_too_long",
                *("imap_failed", "imap_host_missing", "imap_refused", "invalid_host"),
                *(f"{one.key}_range" for one in OPTIONS if one.most),
            )
        ),
        *(
            f"exceptions.{key}.message"
            for key in set(Cause)
            | exmail
            | {
                "done_not_kept",
                "invalid_address",
                "advice_second_account",
                "late",
                "not_kept",
                "outbox_full",
            }
            | {"nobody_in_target", "not_our_entity", "not_our_member"}
            | {"acknowledge", "not_repeated"}
            | {"sent_by_other", "sent_by_other_as_well"}
            | {"reminder", "reminder_last", "reminder_title"}
            | {"test_waits", "too_many_reminders"}
            | {"repeats", "repeats_title"}
            | {f"waits_{key}" for key in WAITS}
            | {f"logged_{key}" for key in LOGGED}
            | {"logged_discarded_by_someone"}
            | {"entity_not_found", "more_notes", "no_buttons", "answer_in_words"}
            | {"no_url", "over"}
            | {
                f"card_{text}"
                for text in (
                    *("name", "state", "since", "more", "sent_by"),
                    *("open", "open_other", "call"),
                    *("highest", "high"),
                    *("press_at_home", "press_by_mail", "press_until"),
                    *("answer", "answer_alone", "answer_code", "answer_title"),
                    *("answer_until", "answer_words"),
                    *(STATE_UNAVAILABLE, STATE_UNKNOWN),
                )
            }
            | {"other_account", "account_not_found", "account_not_loaded"}
            | {"account_disabled", "entity_disabled"}
            | {"unknown_queue_id", "part_of_digest", "discard_what", "preview_over"}
            | page_texts()
            | {"take_over_failed", "take_over_gone", "taken_over_encrypted"}
            | {"taken_over_sender", "taken_over_several", "taken_over_yaml"}
            | {f"digest_{key}" for key in DIGEST_TEXTS}
            | chart_texts()
            | {f"answer_{key}" for key in ANSWER_TEXTS}
            | {f"reply_{key}" for key in REPLY_TEXTS}
            | {f"attachment_{key}" for key in ATTACHMENT_FAILURES}
            | MESSAGE_ERRORS
            | {_SETTING, *_FOR_READERS.values()}
        ),
        *(
            f"services.{action}.{text}"
            for action in ("send_message", "preview_message")
            for text in (
                *NAME,
                *(f"fields.{field}.{name}" for field in FIELDS for name in NAME),
                *(
                    f"sections.{section}.{name}"
                    for section in ("recipients", "text", "repeats", "times")
                    for name in NAME
                ),
            )
        ),
        *(
            f"selector.attachments.fields.{field}.{name}"
            for field in (*Source, "filename", "content_id", "inline")
            for name in NAME
        ),
        *(
            f"selector.actions.fields.{field}.{name}"
            for field in ("action", "title", "uri", "destructive")
            for name in NAME
        ),
        *(
            f"selector.charts.fields.{field}.{name}"
            for field in ("entities", "period", "title")
            for name in NAME
        ),
        *(f"selector.format.options.{option}" for option in Format),
        *(f"selector.priority.options.{option}" for option in Priority),
        *(
            f"services.{action}.{text}"
            for action in ACTIONS - {"acknowledge"}
            for text in (*NAME, *(f"fields.config_entry_id.{text}" for text in NAME))
        ),
        *(
            f"services.{action}.fields.{field}.{text}"
            for action in ("retry", "discard")
            for field in ("queue_id", "tag")
            for text in NAME
        ),
        *(f"services.discard.fields.all.{text}" for text in NAME),
        *(f"services.acknowledge.{text}" for text in NAME),
        *(f"services.acknowledge.fields.tag.{text}" for text in NAME),
        *(
            f"triggers.{trigger}.{text}"
            for trigger, kind in TRIGGERS.items()
            for text in (
                *NAME,
                *(
                    f"fields.{'tag' if issubclass(kind, AlarmTrigger) else 'config_entry_id'}.{text}"
                    for text in NAME
                ),
            )
        ),
        *(
            f"triggers.action_clicked.fields.{field}.{text}"
            for field in ("action", "tag")
            for text in NAME
        ),
        *(f"triggers.reply_received.fields.tag.{text}" for text in NAME),
        *(f"triggers.messages_delayed.fields.priority.{text}" for text in NAME),
        *(
            f"issues.{issue}.title"
            for issue in (
                *Issue,
                *CAME,
                INBOX,
                UNREAD,
                PLAIN_HTTP,
                RECURRING,
                GONE,
                OFFER,
            )
        ),
        *(
            f"issues.{issue}.{text}"
            for issue in (ISSUE_USES_CORE, ISSUE_YAML)
            for text in TITLE
        ),
        *(
            f"issues.{issue}.description"
            for issue in (
                *(Issue.DAY_NEARLY_USED, Issue.DELAYED, Issue.LOGIN_REFUSED),
                *(Issue.PAUSED, Issue.UNHEARD, INBOX, UNREAD, PLAIN_HTTP, RECURRING),
                *(Issue.HELPED, GONE),
            )
        ),
        *(
            f"issues.{issue}.fix_flow.step.confirm.{text}"
            for issue in (
                Issue.DAMAGED,
                Issue.EXPIRED,
                Issue.REMOVED,
                Issue.TROUBLE,
                OFFER,
                *CAME,
            )
            for text in ("title", "description")
        ),
        *(
            f"issues.{STRANGER}.fix_flow.step.confirm.{text}.recipient"
            for text in ("data", "data_description")
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
        *(
            f"selector.option.unit_of_measurement.{one.unit}"
            for one in OPTIONS
            if one.unit and one.unit != UnitOfInformation.MEGABYTES
        ),
        *(f"exceptions.{key}.message" for key in ("test_message", "test_title")),
        *entity_texts(),
    }
    for step, schema in {
        "config.step.user": form.USER_SCHEMA,
        "config.step.confirm": vol.Schema({}),
        "config.step.keep_working": config_flow.KEEP_WORKING_SCHEMA,
        "config.step.take_over": vol.Schema({"username": str}),
        "config.step.take_over_login": form.RECONFIGURE_SCHEMA,
        "config.step.reauth_confirm": form.REAUTH_SCHEMA,
        "config.step.reconfigure": form.RECONFIGURE_SCHEMA,
        "options.step.init": vol.Schema(options_flow.fields(None)),
        **{
            f"options.step.init.sections.{part}": vol.Schema(options_flow.fields(part))
            for part in Section
        },
        "config_subentries.recipient.step.first": recipient_flow.NEW_RECIPIENT_SCHEMA,
        "config_subentries.recipient.step.user": recipient_flow.NEW_RECIPIENT_SCHEMA,
        "config_subentries.recipient.step.reconfigure": recipient_flow.RECIPIENT_SCHEMA,
    }.items():
        heading = "name" if ".sections." in step else "title"
        expected |= {f"{step}.{heading}", f"{step}.description"}
        for field in schema.schema:
            expected |= {f"{step}.data.{field}", f"{step}.data_description.{field}"}
    assert set(texts_of("en")) == expected


# What a function of ours puts into the text whose key is its argument.
GIVEN_BY = {
    "AttachmentError": (0, "attachment_", {"attachment"}),
    "field_error": (0, "", set[str]()),
    "translated_error": (0, "", set[str]()),
    "texts": (0, "", set[str]()),
    "_texts": (0, "", set[str]()),
    "self": (0, "", set[str]()),
    "period_of": (2, "", {"field", "value"}),
    "unusable": (2, "", {"field", "value"}),
    "valid": (1, "", {"field", "value"}),
    "checked": (2, "", {"field", "value"}),
}
# What is not written down where it is used, and what is given to it.
BY_OTHER_WAYS = {
    "invalid_value": {"field", "value"},
    "answer_done_before": {"time"},
    "digest_subject": {"number", "span", "title"},
    "digest_subject_others": {"number", "span", "title"},
    "card_high": set[str](),
    "card_highest": set[str](),
    "card_unavailable": set[str](),
    "card_unknown": set[str](),
    "sent_by_other": {"account", "sender"},
    "sent_by_other_as_well": {"account", "sender"},
    "unknown_field": {"field", "suggestion"},
    "unknown_field_of_action": {"field", "suggestion"},
    "unknown_field_of_action_options": {"field", "options"},
    "unknown_field_of_attachment": {"field", "suggestion"},
    "unknown_field_of_attachment_options": {"field", "options"},
    "unknown_field_of_chart": {"field", "suggestion"},
    "unknown_field_of_chart_options": {"field", "options"},
    "unknown_field_options": {"field", "options"},
}
# Each of these may name what all of them are given.
FAMILIES = {
    "waits_": {"account", "by", "host", "time"},
    "logged_": {"by", "cause", "number", "people", "person", "subject", "text", "why"},
    "answer_": {"title"},
}
# The server said nothing, or something that is no help.
WITHOUT_REPLY = {
    Cause.HOST_NOT_FOUND,
    Cause.CONNECTION_REFUSED,
    Cause.TIMED_OUT,
    Cause.CONNECTION_LOST,
    Cause.STARTTLS_PORT,
    Cause.TLS_PORT,
    Cause.NO_STARTTLS,
    Cause.CERTIFICATE_NAME,
    Cause.NOT_SMTP,
    Cause.NO_LOGIN,
    Cause.LOGIN_CLOSED,
    Cause.OUTCOME_UNKNOWN,
}


def constants(node: ast.AST) -> list[str]:
    """Return every text in an expression."""
    return [
        found.value
        for found in ast.walk(node)
        if isinstance(found, ast.Constant) and isinstance(found.value, str)
    ]


def ways_of(call: ast.Call) -> Iterator[tuple[str, set[str]]]:
    """Yield the keys of texts that a call names, and what it puts into them."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    key = keywords.get("translation_key")
    if "translation_domain" in keywords and isinstance(key, ast.Constant | ast.IfExp):
        given: Any = getattr(keywords.get("translation_placeholders"), "keys", [])
        names = {name for node in given for name in constants(node)}
        yield from ((text, names) for text in constants(key))
    function = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if function in GIVEN_BY:
        place, prefix, names = GIVEN_BY[function]
        more = {str(name) for name in keywords if name}
        yield from (
            (prefix + str(argument.value), names | more)
            for argument in call.args[place : place + 1]
            if isinstance(argument, ast.Constant)
        )


def ways() -> list[tuple[str, set[str]]]:
    """Return every way to a text of an exception, as it is written in the code."""
    calls = [
        node
        for file in sorted(FOLDER.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    return [way for call in calls for way in ways_of(call)]


def page_ways() -> list[tuple[str, set[str]]]:
    """Return every way to a text of the page, and what its modules put into it."""
    modules = "".join(file.read_text() for file in (FOLDER / "page/web").glob("*.js"))
    given = {
        f"page_{key}": set(re.findall(r"(?:^|, )(\w+)(?=:|,|$)", names))
        for key, names in re.findall(r'\bt\("(\w+)", \{ ([^}]*) \}\)', modules)
    }
    given["page_range"] = {"first", "last", "number"}
    for state in ("rate", "login"):
        given[f"page_state_{state}"] = {"time"}
    for state in ("refusing", "unreachable"):
        given[f"page_state_{state}"] = {"host", "since", "time"}
    return [(key, given.get(key, set())) for key in page_texts()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_are_shown_as_they_are(language: str) -> None:
    """Forms read Markdown, which would make a link of an address in brackets."""
    text = texts_of(language)["options.step.init.data_description.answers_from"]
    assert "`{from_example}`" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_of_menus_name_nothing(language: str) -> None:
    """The front end gives a menu's title no placeholders, and would show an error."""
    texts = texts_of(language)
    for step in MENUS:
        assert not PLACEHOLDER.findall(texts[f"config.step.{step}.title"]), step


def test_no_placeholder_is_left() -> None:
    """Every way to a text gives what the text names: no brace reaches a person."""
    prefix, suffix = "exceptions.", ".message"
    texts = {
        key.removeprefix(prefix).removesuffix(suffix): text
        for key, text in texts_of("en").items()
        if key.startswith(prefix)
    }
    by_cause = {Cause.REFUSED, *Cause} | {
        f"{cause}_exmail" for cause in _CAUSES_WITH_EXMAIL_TEXT
    }
    found = [*ways(), *BY_OTHER_WAYS.items()]
    known = {key for key, _ in found}
    found += [way for way in page_ways() if way[0] not in known]
    # What readers of a mail are told names some of what the note names.
    given_by = dict(found)
    told = {_SETTING, *_FOR_READERS.values()}
    found += [(key, set(PLACEHOLDER.findall(texts[key]))) for key in told]
    for key, text in [*_FOR_READERS.items(), ("invalid_value", _SETTING)]:
        assert set(PLACEHOLDER.findall(texts[text])) <= given_by[key], text
    of_families = {
        key: given
        for key in texts
        for prefix, given in FAMILIES.items()
        if key.startswith(prefix) and key not in given_by
    }
    for key, given in of_families.items():
        assert set(PLACEHOLDER.findall(texts[key])) <= given, key
    assert {key for key, _ in found} == set(texts) - by_cause - of_families.keys()
    for key, given in found:
        assert set(PLACEHOLDER.findall(texts[key])) == given, key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("username", ["a@qq.com", "a@example.com"])
@pytest.mark.parametrize("cause", Cause)
def test_text_of_every_cause(cause: Cause, username: str, language: str) -> None:
    """Whatever was refused, the text is whole, and has what the server said."""
    account = Account(
        username=username,
        password="",
        host="smtp.example.com",
        port=465,
        encryption=Encryption.TLS,
        timeout=1,
    )
    err = MailError(cause, Step.MAIL, Reply(550, "No {thanks}"))
    raised = action_error(err, account)
    text = texts_of(language)[f"exceptions.{raised.translation_key}.message"]
    placeholders = raised.translation_placeholders or {}
    assert PLACEHOLDER.findall(text.format(**placeholders)) == (
        ["thanks"] * text.count("{reply}")
    )
    # Those causes that are told from the server's answer, and nothing else.
    judged = set(Cause) - WITHOUT_REPLY
    assert ("{reply}" in text) >= (cause in judged)
