// Whether an account works: a login, what was said in the last sessions, test mails.

import { h } from "./dom.js";

export class Check {
  constructor(page) {
    this.page = page;
    this.element = h("div", {});
  }

  opened() {
    this.known = undefined;
  }

  accountsChanged(accounts) {
    if (!accounts) return;
    // What was said last is asked for anew when the page is opened.
    const ids = JSON.stringify(accounts.map((one) => [one.id, one.title]));
    if (ids === this.known) return;
    this.known = ids;
    this.element.replaceChildren(...accounts.map((one) => this.#card(one)));
  }

  #card(account) {
    const { page } = this;
    const id = { config_entry_id: account.id };
    const result = h("div", { role: "status" });
    const rest = h("div", {});
    const login = h("button", {}, page.t("log_in"));
    login.addEventListener("click", async () => {
      login.disabled = true;
      result.replaceChildren(page.t("loading"));
      const answer = await page.call("log_in", { ...id, language: page.language });
      login.disabled = false;
      result.replaceChildren();
      if (!answer) return;
      const text = answer.works ? page.t("log_in_works") : answer.why;
      const kind = answer.works ? "works" : "fails";
      result.append(
        h("p", { class: kind }, text),
        h("pre", { tabindex: 0 }, answer.lines.join("\n")),
      );
    });
    const renew = async () => {
      if ((await page.call("renew_code", id)) === undefined) return;
      page.go("/config/integrations/integration/qq_mail");
    };
    this.#fill(rest, id);
    return h(
      "section",
      { class: "card" },
      h("h2", {}, account.title),
      h("p", {}, page.t("log_in_text")),
      h(
        "div",
        { class: "buttons" },
        login,
        h("button", { onclick: renew }, page.t("new_code")),
      ),
      result,
      rest,
    );
  }

  async #fill(rest, id) {
    const { page } = this;
    const answer = await page.call("check", { ...id, language: page.language });
    if (!answer) return;
    const data = {
      title: page.text("exceptions.test_title.message"),
      message: page.text("exceptions.test_message.message"),
    };
    rest.append(
      h(
        "p",
        {},
        h(
          "a",
          { href: answer.code_url, target: "_blank", rel: "noreferrer" },
          page.t("code_help"),
        ),
      ),
      h("h3", {}, page.t("test")),
      h(
        "div",
        { class: "buttons" },
        answer.recipients.map(({ entity_id, name }) =>
          h(
            "button",
            { onclick: () => page.send({ data, target: { entity_id: [entity_id] } }) },
            name,
          ),
        ),
      ),
      h("h3", {}, page.t("sessions")),
      ...(answer.sessions.length
        ? answer.sessions.map(({ began, lines }) =>
            h(
              "details",
              {},
              h("summary", {}, page.t("session", { time: began })),
              h("pre", { tabindex: 0 }, lines.join("\n")),
            ),
          )
        : [h("p", {}, page.t("no_sessions"))]),
    );
  }
}
