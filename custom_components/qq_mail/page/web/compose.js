// A message by the fields of the action, and beside it the mail as it will look.

import { ask, facts, h } from "./dom.js";
import { filled, formSchema, octets, pathOf } from "./words.js";

const ACTION = "send_message";

const PATIENCE = 10_000;

const DESK = 720; // Pixels: wider than what a mail has for phones alone.

/**
 * Have Home Assistant's form defined; false where that cannot be had.
 *
 * The front end loads it with the pages that use it, and offers no other way.
 */
async function loadForm() {
  if (customElements.get("ha-form")) return true;
  // What another version calls otherwise is never defined.
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  try {
    await Promise.race([loadEditor(), late]);
  } catch {
    return false;
  }
  return Boolean(customElements.get("ha-form"));
}

async function loadEditor() {
  await customElements.whenDefined("partial-panel-resolver");
  const resolver = document.createElement("partial-panel-resolver");
  const panels = [{ url_path: "any", component_name: "config" }];
  await resolver.getRoutes?.(panels)?.routes.any.load();
  await customElements.whenDefined("ha-panel-config");
  const config = document.createElement("ha-panel-config");
  await config.routerOptions.routes.automation.load();
}

export class Compose {
  constructor(page) {
    this.page = page;
    this.value = {};
    this.look = { width: "phone", colours: "light" };
    this.form = h("div", { class: "form" }, h("p", {}, page.t("loading")));
    this.shown = h("div", { class: "preview" });
    this.notes = h("div", { class: "notes" });
    this.element = h(
      "div",
      { class: "compose" },
      h(
        "section",
        { class: "card" },
        h("h2", {}, page.t("tab_compose")),
        this.#buttons({ copy: () => this.#copy(), paste: () => this.#paste() }),
        this.form,
      ),
      h(
        "section",
        { class: "card seen" },
        h("h2", {}, page.t("preview")),
        this.#buttons({
          preview: () => this.#preview(),
          send_to_me: () => page.send({ ...this.#message, to_me: true }),
          send: () => page.send(this.#message),
        }),
        this.#looks(),
        this.notes,
        this.shown,
      ),
    );
    // A computer's screen is wider than its place here: it is shown smaller.
    new ResizeObserver(() => {
      const scale = Math.min(this.shown.clientWidth / DESK, 1) || 1;
      this.shown.style.setProperty("--scale", scale);
    }).observe(this.shown);
    this.#show();
    this.#begin();
  }

  hassChanged(hass) {
    if (this.editor) this.editor.hass = hass;
  }

  async #begin() {
    const { page } = this;
    const action = page.hass.services.qq_mail?.[ACTION];
    if (!(action && (await loadForm()))) {
      const href = `/config/tools/action?service=qq_mail.${ACTION}`;
      this.form.replaceChildren(
        h("p", {}, page.t("form_missing")),
        h("p", {}, h("a", { href }, page.t("tools"))),
      );
      return;
    }
    const key = (name, part) => `services.${ACTION}.${name}.${part}`;
    const form = document.createElement("ha-form");
    form.hass = page.hass;
    form.schema = [
      { name: "target", selector: { target: action.target ?? {} } },
      ...formSchema(action.fields, (name) =>
        page.text(key(`sections.${name}`, "name")),
      ),
    ];
    form.computeLabel = ({ name, title }) =>
      title ?? (page.text(key(`fields.${name}`, "name")) || this.#word(name));
    form.computeHelper = ({ name }) => page.text(key(`fields.${name}`, "description"));
    form.localizeValue = (key) => page.text(`selector.${key}`);
    form.data = this.value;
    form.addEventListener("value-changed", (event) => {
      event.stopPropagation();
      this.value = form.data = event.detail.value;
    });
    this.editor = form;
    this.form.replaceChildren(form);
  }

  #word(name) {
    return (
      this.page.hass.localize(`ui.components.selectors.target.${name}`) ||
      this.page.t("filter_recipient")
    );
  }

  #buttons(actions) {
    const buttons = Object.entries(actions).map(([name, onclick]) =>
      h("button", { onclick, "data-action": name }, this.page.t(name)),
    );
    return h("div", { class: "buttons" }, buttons);
  }

  #looks() {
    const { page } = this;
    const choice = (name, words) =>
      h(
        "fieldset",
        {},
        h("legend", {}, page.t(name)),
        words.map((word) =>
          h(
            "label",
            {},
            h("input", {
              type: "radio",
              name,
              value: word,
              checked: this.look[name] === word,
              onchange: () => {
                this.look[name] = word;
                this.#show();
              },
            }),
            page.t(word),
          ),
        ),
      );
    return h(
      "div",
      { class: "looks" },
      choice("width", ["phone", "desk"]),
      choice("colours", ["light", "dark"]),
    );
  }

  get #message() {
    const { target, ...data } = this.value;
    return { data: filled(data), target: filled(target) };
  }

  #show() {
    const { width, colours } = this.look;
    this.shown.className = `preview ${width}`;
    if (!this.url) {
      this.shown.replaceChildren(h("p", {}, this.page.t("preview_none")));
      return;
    }
    const src = `${this.url}?${colours}`;
    const frame = h("iframe", { sandbox: "", src, title: this.page.t("preview") });
    this.shown.replaceChildren(frame);
  }

  async #preview() {
    const { page } = this;
    const answer = await page.call("preview", this.#message);
    if (!answer) return;
    this.url = pathOf(answer.url);
    this.notes.replaceChildren(
      facts(
        page.t("size", { size: octets(answer.size, page.language) }),
        ...answer.notes,
        ...answer.unknown.map((reason) => page.t("unknown", { reason })),
      ),
    );
    this.#show();
  }

  async #copy() {
    const { page } = this;
    const answer = await page.call("step/write", this.#message);
    if (!answer) return;
    const area = this.#area(answer.text);
    area.readOnly = true;
    const copy = (event) => {
      area.select();
      // Also without TLS, where browsers have no other clipboard.
      if (document.execCommand("copy")) page.tell(page.t("copied"));
      // What is selected can be copied by hand.
      else event.preventDefault();
    };
    const words = page.t("copy");
    await ask(page, { title: words, body: area, yes: words, onyes: copy });
  }

  async #paste() {
    const { page } = this;
    const area = this.#area("");
    const asked = {
      title: page.t("paste"),
      body: [h("p", {}, page.t("paste_text")), area],
      yes: page.t("take_over"),
    };
    if (!(await ask(page, asked)) || !area.value) return;
    const step = await page.call("step/read", { text: area.value });
    if (!step) return;
    this.value = { ...step.data, target: step.target };
    if (this.editor) this.editor.data = this.value;
    await this.#preview();
  }

  /** Return where a step can be read, or written. */
  #area(text) {
    const words = this.page.t("paste_text");
    return h("textarea", { rows: 12, spellcheck: "false", "aria-label": words }, text);
  }
}
