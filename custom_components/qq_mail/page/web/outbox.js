// What waits, why, and until when; what is counted; what is repeated.

import { ask, facts, h, pager, sync } from "./dom.js";

const MOST_PEOPLE = 10;

export class Outbox {
  constructor(page) {
    this.page = page;
    this.element = h("div", {}, h("p", { class: "loading" }, page.t("loading")));
  }

  accountsChanged(accounts) {
    if (!accounts) return;
    this.element.querySelector(".loading")?.remove();
    const known = new Map(
      [...this.element.children].map((one) => [one.dataset.id, one]),
    );
    const cards = accounts.map(
      (account) => known.get(account.id) ?? this.#card(account),
    );
    if (cards.some((one, place) => one !== this.element.children[place])) {
      this.element.replaceChildren(...cards);
    }
    accounts.forEach((account, place) => this.#fill(cards[place], account));
    for (const gone of [...this.element.children].slice(cards.length)) gone.remove();
  }

  #card(account) {
    const card = h(
      "section",
      { class: "card", "data-id": account.id },
      h("h2", {}, account.title),
      h("p", { class: "state" }),
      h("p", { class: "left" }),
      h("h3", { class: "waiting" }),
      h("ul", { class: "rows messages" }),
      h("div", { class: "pager" }),
      h(
        "div",
        { class: "counted" },
        h("h3", {}, this.page.t("counted")),
        h("ul", { class: "rows" }),
      ),
      h(
        "div",
        { class: "repeated" },
        h("h3", {}, this.page.t("repeated")),
        h("ul", { class: "rows" }),
      ),
    );
    return card;
  }

  #fill(card, account) {
    const { page } = this;
    const set = (selector, text) => {
      const element = card.querySelector(selector);
      if (element.textContent !== text) element.textContent = text;
      element.hidden = !text;
    };
    card.classList.toggle("problem", !account.works);
    set(".state", account.state);
    const { left, per_day: limit, waiting } = account;
    set(".left", left == null ? "" : page.t("left", { left, limit }));
    set(
      ".waiting",
      waiting ? page.t("waiting", { number: waiting }) : page.t("nothing_waits"),
    );
    const rows = card.querySelector(".messages");
    sync(
      rows,
      account.messages,
      (one) => one.queue_id,
      (one) => this.#message(account, one),
    );
    const { first, messages } = account;
    pager(
      page,
      card.querySelector(".pager"),
      { first, shown: messages.length, number: waiting },
      (to) => page.show(account.id, to),
    );
    for (const [name, make] of [
      ["counted", this.#counted],
      ["repeated", this.#repeated],
    ]) {
      const part = card.querySelector(`.${name}`);
      part.hidden = !account[name].length;
      sync(
        part.querySelector("ul"),
        account[name],
        (one) => one.queue_id,
        (one) => make(account, one),
      );
    }
  }

  #message(account, message) {
    const { page } = this;
    const id = { config_entry_id: account.id };
    const one = { ...id, queue_id: message.queue_id };
    const { tag, subject: title, why, reason, next_attempt: when } = message;
    const trying = reason === "attempt";
    // Most of these sentences say when it goes, or that nobody knows.
    const untold = when && !why.includes(when) && !trying && reason !== "decision";
    // That another account will have it stands in the reason.
    const elsewhere = message.by !== message.account && reason !== "fallback";
    const important = ["highest", "high"].includes(message.priority);
    return h(
      "li",
      { class: trying ? "trying" : "" },
      h(
        "h4",
        {},
        important ? h("span", { class: "mark" }, this.#priority(message)) : "",
        title,
      ),
      h("p", { class: "why" }, why),
      facts(
        page.t("to", { recipients: people(page, message) }),
        page.t("since", { time: message.raised_at }),
        elsewhere && page.t("sent_by", { by: message.by }),
        untold && page.t("when", { time: when }),
        !important &&
          message.priority !== "normal" &&
          page.t("priority", { priority: this.#priority(message) }),
        tag && message.same_tag < 2 && page.t("tag", { tag }),
        message.reply && page.t("reply", { reply: message.reply }),
      ),
      message.parts.length ? this.#parts(message) : "",
      h(
        "div",
        { class: "buttons" },
        message.may_retry
          ? this.#button("send_now", title, () => page.act("retry", one))
          : "",
        this.#button("discard", title, () =>
          this.#discard(page.t("discard_sure", { title }), one),
        ),
      ),
      message.same_tag > 1 ? this.#allOf(message, { ...id, tag }) : "",
    );
  }

  #allOf({ tag, same_tag: number, may_retry }, data) {
    const { page } = this;
    const sure = page.t("discard_tag_sure", { tag });
    return h(
      "details",
      {},
      h("summary", {}, page.t("same_tag", { tag, number })),
      h(
        "div",
        { class: "buttons" },
        may_retry ? this.#button("send_now", tag, () => page.act("retry", data)) : "",
        this.#button("discard", tag, () => this.#discard(sure, data)),
      ),
    );
  }

  #priority(message) {
    return this.page.text(`selector.priority.options.${message.priority}`);
  }

  #parts(message) {
    const { page } = this;
    const { parts, titles } = message;
    const more = parts.length - titles.length;
    return h(
      "details",
      {},
      h("summary", {}, page.t("parts", { number: parts.length })),
      h(
        "ul",
        {},
        titles.map((one) => h("li", {}, one)),
        more ? h("li", {}, page.t("more_parts", { number: more })) : "",
      ),
    );
  }

  #button(action, about, onclick) {
    const words = this.page.t(action);
    const attributes = {
      "data-action": action,
      "aria-label": `${words}: ${about}`,
      onclick,
    };
    return h("button", attributes, words);
  }

  async #discard(question, data) {
    const { page } = this;
    const asked = {
      title: question,
      body: h("p", {}, page.t("discard_text")),
      yes: page.t("discard"),
      kind: "danger",
    };
    if (await ask(page, asked)) await page.act("discard", data);
  }

  #counted = (account, one) => {
    const { page } = this;
    const { title, count: number, since } = one;
    return h(
      "li",
      {},
      h("h4", {}, title),
      facts(
        page.t("counted_number", { number, time: since }),
        page.t("to", { recipients: people(page, one) }),
      ),
      h(
        "div",
        { class: "buttons" },
        this.#button("end", title, () => this.#end(account, one)),
      ),
    );
  };

  #repeated = (account, one) => {
    const { page } = this;
    const { title, tag, number, since, until, next: when } = one;
    return h(
      "li",
      {},
      h("h4", {}, title),
      facts(
        page.t("repeated_number", { number, time: since, until }),
        when && page.t("when", { time: when }),
        page.t("to", { recipients: people(page, one) }),
      ),
      h(
        "div",
        { class: "buttons" },
        this.#button("acknowledge", title, () => page.act("acknowledge", { tag })),
        this.#button("end", title, () => this.#end(account, one)),
      ),
    );
  };

  async #end(account, { title, tag, queue_id }) {
    const { page } = this;
    const id = { config_entry_id: account.id };
    const asked = {
      title: page.t("end_sure", { title }),
      body: h("p", {}, page.t(tag ? "end_text" : "end_untagged_text")),
      yes: page.t("end"),
      kind: "danger",
    };
    if (!(await ask(page, asked))) return;
    if (tag) await page.act("send_message", { ...id, tag, clear: true });
    else await page.act("discard", { ...id, queue_id });
  }
}

/** Return the first of those whom a message goes to, in one line. */
export function people(page, { recipients }) {
  const named = recipients.slice(0, MOST_PEOPLE).join(", ");
  const more = recipients.length - MOST_PEOPLE;
  return more > 0 ? `${named} ${page.t("more", { number: more })}` : named;
}
