// Elements, made of texts alone: nothing that is shown is read as HTML.

import { ROWS, turn } from "./words.js";

/** Make an element; `on…` are listeners, false and null leave an attribute out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((one) => one != null && one !== ""));
  return element;
}

/**
 * Show one child for each item, made anew only where it changed.
 *
 * What a person is at stays in place, and keeps the focus.
 */
export function sync(parent, items, key, make) {
  const known = new Map([...parent.children].map((one) => [one.dataset.key, one]));
  const wanted = items.map((item) => {
    const json = JSON.stringify(item);
    const before = known.get(key(item));
    if (before?.made === json) return before;
    const element = make(item);
    element.dataset.key = key(item);
    element.made = json;
    const folded = element.querySelectorAll("details");
    before?.querySelectorAll("details").forEach((one, place) => {
      if (folded[place]) folded[place].open = one.open;
    });
    return element;
  });
  const same =
    wanted.length === parent.children.length &&
    wanted.every((one, place) => one === parent.children[place]);
  if (same) return;
  const focused = parent.getRootNode().activeElement;
  const row = focused?.closest("[data-key]");
  const at = row?.parentNode === parent && {
    key: row.dataset.key,
    action: focused.dataset.action,
  };
  parent.replaceChildren(...wanted);
  if (!at) return;
  const again = wanted.find((one) => one.dataset.key === at.key);
  again?.querySelector(`[data-action="${at.action}"]`)?.focus();
}

/**
 * Ask a question; true if it is answered by the button that says `yes`.
 *
 * `kind` is that button's class, `onyes` what it does before the dialog closes.
 */
export function ask(page, { title, body, yes, kind, onyes }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": "ask",
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "ask" }, title),
        body,
        h(
          "div",
          { class: "buttons" },
          h("button", { value: "", class: "plain" }, page.t("cancel")),
          h("button", { value: "yes", class: kind, onclick: onyes }, yes),
        ),
      ),
    );
    page.root.append(dialog);
    dialog.showModal();
  });
}

/**
 * Say in an element which of many rows are shown, with the way to those around them.
 *
 * `turned` is called with the first row of those that are wanted.
 */
export function pager(page, element, { first, shown, number }, turned) {
  element.hidden = number <= ROWS;
  const range = { first: first + 1, last: first + shown, number };
  const key = JSON.stringify(range);
  if (element.hidden || element.made === key) return;
  element.made = key;
  const active = element.getRootNode().activeElement;
  const button = (action, by) => {
    const to = turn(first, by, number);
    const attributes = { "data-action": action, disabled: to === first };
    return h("button", { ...attributes, onclick: () => turned(to) }, page.t(action));
  };
  const focused = element.contains(active) && active.dataset.action;
  element.replaceChildren(
    button("previous", -1),
    h("span", {}, page.t("range", range)),
    button("next", 1),
  );
  if (focused) element.querySelector(`[data-action="${focused}"]`).focus();
}

/** Return a list of facts, each a line of its own. */
export function facts(...lines) {
  const there = lines.filter(Boolean);
  return there.length
    ? h(
        "ul",
        { class: "facts" },
        there.map((one) => h("li", {}, one)),
      )
    : "";
}
