// What became of messages, newest first, with a picture of the day above it.

import { facts, h, pager, sync } from "./dom.js";
import { people } from "./outbox.js";
import { OUTCOMES, ROWS, bars, duration, totals } from "./words.js";

const TYPING = 300; // Milliseconds after which a person has stopped to type.

export class History {
  constructor(page) {
    this.page = page;
    this.asked = { first: 0, outcome: "", recipient: "", text: "" };
    this.element = h(
      "div",
      {},
      h("section", { class: "card day" }),
      h(
        "section",
        { class: "card" },
        this.#filters(),
        h("ul", { class: "rows" }),
        h("div", { class: "pager" }),
      ),
    );
  }

  opened() {
    this.#load();
  }

  accountsChanged() {
    // Something went out, or came back: that may be news here, too.
    if (this.element.isConnected) this.#load();
  }

  #filters() {
    const { page } = this;
    const options = OUTCOMES.map((one) =>
      h("option", { value: one }, page.t(`outcome_${one}`)),
    );
    const ask = (key) => (event) => {
      this.asked = { ...this.asked, first: 0, [key]: event.target.value };
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#load(), key === "text" ? TYPING : 0);
    };
    const all = () => h("option", { value: "" }, page.t("all"));
    const field = (key, control) => h("label", {}, page.t(`filter_${key}`), control);
    return h(
      "div",
      { class: "filters" },
      field("text", h("input", { type: "search", oninput: ask("text") })),
      field("outcome", h("select", { onchange: ask("outcome") }, all(), options)),
      field(
        "recipient",
        h("select", { class: "recipient", onchange: ask("recipient") }, all()),
      ),
    );
  }

  async #load() {
    const { page } = this;
    const asked = { ...this.asked, number: ROWS, language: page.language };
    const answer = await page.call("history", asked);
    if (!answer) return;
    this.#day(answer.hours);
    const select = this.element.querySelector(".recipient");
    const known = [...select.options].slice(1).map((one) => one.value);
    if (JSON.stringify(known) !== JSON.stringify(answer.recipients)) {
      const options = answer.recipients.map((one) => h("option", { value: one }, one));
      select.replaceChildren(select.options[0], ...options);
      select.value = this.asked.recipient;
    }
    const rows = this.element.querySelector(".rows");
    rows.querySelector(".nothing")?.remove();
    sync(
      rows,
      answer.messages,
      (one) => one.queue_id,
      (one) => this.#message(one),
    );
    if (!answer.total)
      rows.append(h("li", { class: "nothing" }, page.t("nothing_found")));
    pager(
      page,
      this.element.querySelector(".pager"),
      { first: asked.first, shown: answer.messages.length, number: answer.total },
      (to) => {
        this.asked.first = to;
        this.#load();
      },
    );
  }

  #day(hours) {
    const { page } = this;
    const day = this.element.querySelector(".day");
    const key = JSON.stringify(hours);
    if (day.made === key) return;
    day.made = key;
    const words = totals(hours).map(
      ([outcome, number]) => `${page.t(`outcome_${outcome}`)}: ${number}`,
    );
    const columns = bars(hours).map(({ hour, sum, parts }) =>
      h(
        "div",
        { class: "column", title: `${hour}:00 · ${sum}` },
        h(
          "div",
          { class: "bar" },
          parts.map(({ outcome, share }) =>
            h("div", {
              class: `part ${outcome}`,
              style: `height: ${(share * 100).toFixed(2)}%`,
            }),
          ),
        ),
        h("span", {}, Number(hour) % 6 ? "" : hour),
      ),
    );
    const label = `${page.t("chart")}. ${words.join(", ") || page.t("nothing_found")}`;
    day.replaceChildren(
      h("h2", {}, page.t("chart")),
      h("div", { class: "bars", role: "img", "aria-label": label }, columns),
      h(
        "ul",
        { class: "legend" },
        totals(hours).map(([outcome, number]) =>
          h("li", { class: outcome }, `${page.t(`outcome_${outcome}`)}: ${number}`),
        ),
      ),
    );
  }

  #message(message) {
    const { page } = this;
    const { title, accepted_at: accepted, delay } = message;
    const several = (page.accounts?.length ?? 0) > 1;
    return h(
      "li",
      {},
      h("h3", { class: title ? "" : "untitled" }, title || page.t("no_title")),
      h(
        "ul",
        { class: "results" },
        message.results.map((one) =>
          h(
            "li",
            { class: one.outcome },
            h("strong", {}, page.t(`outcome_${one.outcome}`)),
            ` ${one.at} · ${people(page, one)}`,
            one.by ? h("p", { class: "why" }, page.t("sent_by", { by: one.by })) : "",
            one.why ? h("p", { class: "why" }, one.why) : "",
            !one.why && one.reply
              ? h("p", { class: "why" }, page.t("reply", { reply: one.reply }))
              : "",
          ),
        ),
      ),
      facts(
        page.t("raised", { time: message.raised_at }),
        accepted &&
          delay >= 10 &&
          page.t("delay", { delay: duration(delay, page.language) }),
        several && message.account,
        message.tag && page.t("tag", { tag: message.tag }),
        message.digest && page.t("in_digest"),
        ...message.presses.map(({ title, at, by }) =>
          by
            ? page.t("pressed_by", { title, time: at, who: by })
            : page.t("pressed", { title, time: at }),
        ),
      ),
    );
  }
}
