// The panel: a heading, the way to each of its four parts, and the part that is open.

import { Check } from "./check.js";
import { Compose } from "./compose.js";
import { h } from "./dom.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";
import { TABS, tabOf, told, versionOf } from "./words.js";

const VIEWS = { outbox: Outbox, history: History, compose: Compose, check: Check };
const CATEGORIES = ["title", "exceptions", "selector", "services"];
const PATH = "/qq-mail";
const CONNECTION_LOST = 3; // As the front end's own connection calls it.

class QQMailPage extends HTMLElement {
  #hass;
  #language;
  #words;
  #path = "";
  #tab;
  #view;
  #views = {};
  #subscription;
  #shown;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
  }

  set hass(hass) {
    this.#hass = hass;
    if (hass.language !== this.#language) {
      this.#language = hass.language;
      this.#begin();
    }
    this.#view?.hassChanged?.(hass);
  }

  get hass() {
    return this.#hass;
  }

  set narrow(narrow) {
    this.toggleAttribute("narrow", narrow);
  }

  set route(route) {
    this.#path = route?.path ?? "";
    this.#open();
  }

  set panel(_panel) {}

  connectedCallback() {
    this.#subscribe();
  }

  disconnectedCallback() {
    this.#unsubscribe();
  }

  get language() {
    return this.#language;
  }

  /** The accounts and what waits, as they were shown last. */
  get accounts() {
    return this.#shown?.accounts;
  }

  /** Return a text in the user's language. */
  t(key, placeholders) {
    return this.#localize(`exceptions.page_${key}.message`, placeholders) || key;
  }

  /** Return another text of the integration. */
  text(key) {
    return this.#localize(key) || "";
  }

  /** Have a command answered; in its words, what is wrong is told and undefined. */
  async call(type, data = {}) {
    return this.#told(() => this.#hass.callWS({ type: `qq_mail/${type}`, ...data }));
  }

  /** Perform an action of the integration; true if it worked. */
  async act(action, data, target) {
    const done = await this.#told(async () => {
      await this.#hass.callService("qq_mail", action, data, target, false);
      return true;
    });
    // What becomes of a message is shown at the message, once it was tried.
    if (done) this.tell(action === "retry" ? this.t("trying") : this.t("done"));
    return Boolean(done);
  }

  /** Send a message, and say what became of it. */
  async send(message) {
    const answer = await this.call("send", message);
    if (answer) this.tell(told(answer, (...text) => this.t(...text)).join(" · "));
  }

  /** Open another page of the front end. */
  go(path) {
    history.pushState(null, "", path);
    window.dispatchEvent(
      new CustomEvent("location-changed", { detail: { replace: false } }),
    );
  }

  /** Say something, also to whoever cannot see it. */
  tell(text) {
    this.#status.textContent = text;
    clearTimeout(this.telling);
    // As long as it takes to read it.
    const patience = Math.max(8000, text.length * 100);
    this.telling = setTimeout(() => (this.#status.textContent = ""), patience);
  }

  /** Show other rows of an account. */
  show(account, first) {
    this.first = { ...this.first, [account]: first };
    this.#unsubscribe();
    this.#subscribe();
  }

  get #status() {
    return this.root.querySelector("[role=status]") ?? h("p");
  }

  #localize(key, placeholders) {
    return this.#words(`component.qq_mail.${key}`, placeholders);
  }

  async #told(work) {
    try {
      return await work();
    } catch (err) {
      const key = err.translation_key && `exceptions.${err.translation_key}.message`;
      const words = key && this.#localize(key, err.translation_placeholders ?? {});
      // What the connection's end answers has its code within, or is that code.
      const { code = err, message } = err.error ?? err;
      const lost = code === CONNECTION_LOST && this.t("lost");
      const reason = lost || words || message || String(err);
      this.tell(this.t("failed", { reason }));
      return undefined;
    }
  }

  async #begin() {
    for (const category of CATEGORIES) {
      this.#words = await this.#hass.loadBackendTranslation(category, "qq_mail");
    }
    this.#views = {};
    this.#tab = undefined;
    this.root.replaceChildren(
      h("link", { rel: "stylesheet", href: new URL("page.css", import.meta.url).href }),
      h(
        "header",
        {},
        h(
          "button",
          { class: "menu", "aria-label": this.t("menu"), onclick: this.#menu },
          "☰",
        ),
        h("h1", {}, this.text("title") || "QQ Mail"),
      ),
      h(
        "nav",
        {},
        TABS.map((tab) =>
          h(
            "a",
            { href: `${PATH}/${tab}`, "data-tab": tab, onclick: this.#turn },
            this.t(`tab_${tab}`),
          ),
        ),
      ),
      h("p", { class: "old", hidden: true }),
      h("p", { class: "status", role: "status" }),
      h("main"),
    );
    this.ready = true;
    this.#unsubscribe();
    this.#subscribe();
    this.#open();
  }

  #open() {
    if (!this.ready) return;
    const tab = tabOf(this.#path);
    if (tab === this.#tab) return;
    this.#tab = tab;
    for (const link of this.root.querySelectorAll("nav a")) {
      if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#view = this.#views[tab] ??= new VIEWS[tab](this);
    this.root.querySelector("main").replaceChildren(this.#view.element);
    this.#view.opened?.();
    this.#view.accountsChanged?.(this.accounts);
  }

  #turn = (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.go(event.currentTarget.getAttribute("href"));
  };

  #menu = () => {
    this.dispatchEvent(
      new CustomEvent("hass-toggle-menu", { bubbles: true, composed: true }),
    );
  };

  #subscribe() {
    if (!this.ready || !this.isConnected || this.#subscription) return;
    this.#subscription = this.#told(() =>
      this.#hass.connection.subscribeMessage((shown) => this.#show(shown), {
        type: "qq_mail/outbox/subscribe",
        first: this.first ?? {},
        language: this.#language,
      }),
    );
  }

  async #unsubscribe() {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    (await subscription)?.();
  }

  #show(shown) {
    this.#shown = shown;
    const old = this.root.querySelector(".old");
    if (shown.version !== versionOf(import.meta.url) && old.hidden) {
      old.hidden = false;
      old.append(
        this.t("old"),
        " ",
        h("button", { onclick: () => location.reload() }, this.t("reload")),
      );
    }
    this.#view?.accountsChanged?.(shown.accounts);
  }
}

customElements.define("qq-mail-page", QQMailPage);
