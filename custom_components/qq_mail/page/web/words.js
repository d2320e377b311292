// What the page computes without a browser.

export const TABS = ["outbox", "history", "compose", "check"];
export const ROWS = 50;
export const OUTCOMES = [
  "accepted",
  "rejected",
  "expired",
  "unknown",
  "bounced",
  "discarded",
];

/** Return the tab that a route of the panel names; the first one by default. */
export function tabOf(path) {
  const name = (path ?? "").split("/")[1];
  return TABS.includes(name) ? name : TABS[0];
}

/** Return where a window of rows begins, one page on or back, within the rows. */
export function turn(first, by, number) {
  const last = Math.max(Math.ceil(number / ROWS) - 1, 0) * ROWS;
  return Math.min(Math.max(first + by * ROWS, 0), last);
}

/** Return a duration in the largest unit that shows it well. */
export function duration(seconds, language) {
  const units = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const [unit, length] = units.find(([, length]) => seconds >= 2 * length) ?? units[3];
  const style = { style: "unit", unit, unitDisplay: "long" };
  return new Intl.NumberFormat(language, style).format(Math.round(seconds / length));
}

/** Return octets as people read them. */
export function octets(number, language) {
  const large = number >= 1e6;
  const style = {
    style: "unit",
    unit: large ? "megabyte" : "kilobyte",
    maximumFractionDigits: large ? 1 : 0,
  };
  const divided = large ? number / 1e6 : Math.max(number / 1e3, 1);
  return new Intl.NumberFormat(language, style).format(divided);
}

/** Return the bars of some hours: how high each outcome is, of the highest hour. */
export function bars(hours) {
  const sums = hours.map(({ numbers }) =>
    Object.values(numbers).reduce((sum, one) => sum + one, 0),
  );
  const highest = Math.max(...sums, 1);
  return hours.map(({ hour, numbers }, place) => ({
    hour,
    sum: sums[place],
    parts: OUTCOMES.filter((outcome) => numbers[outcome]).map((outcome) => ({
      outcome,
      number: numbers[outcome],
      share: numbers[outcome] / highest,
    })),
  }));
}

/** Return how many there were of each outcome in all hours. */
export function totals(hours) {
  const sums = {};
  for (const { numbers } of hours) {
    for (const [outcome, number] of Object.entries(numbers)) {
      sums[outcome] = (sums[outcome] ?? 0) + number;
    }
  }
  return OUTCOMES.filter((outcome) => sums[outcome]).map((outcome) => [
    outcome,
    sums[outcome],
  ]);
}

/**
 * Return what became of a message: of each mail, where several accounts send.
 *
 * `t` returns a text by its key.
 */
export function told(answer, t) {
  const mails = answer.messages ?? [answer];
  const words = mails.flatMap(({ account, status, recipients, error, notes }) => {
    const outcome = t(`outcome_${status}`);
    const refused = (recipients?.refused ?? []).map(({ address, reply }) =>
      reply ? `${address} (${reply})` : address,
    );
    return [
      mails.length > 1 ? `${account}: ${outcome}` : outcome,
      error,
      refused.length && t("refused", { recipients: refused.join(", ") }),
      ...(notes ?? []),
    ];
  });
  return [...words, ...answer.unknown.map((reason) => t("unknown", { reason }))].filter(
    Boolean,
  );
}

/**
 * Return the schema of Home Assistant's form for an action's fields.
 *
 * `sectionName` returns the words for a section that folds.
 */
export function formSchema(fields, sectionName) {
  return Object.entries(fields).map(([name, field]) =>
    field.fields
      ? {
          type: "expandable",
          name: "",
          flatten: true,
          title: sectionName(name),
          schema: formSchema(field.fields, sectionName),
        }
      : { name, selector: field.selector ?? { text: {} }, required: false },
  );
}

/** Return only what was filled in. */
export function filled(data) {
  const isEmpty = (value) =>
    value === undefined ||
    value === null ||
    value === "" ||
    (Array.isArray(value) && !value.length) ||
    (typeof value === "object" && !Object.keys(value).length);
  return Object.fromEntries(
    Object.entries(data ?? {}).filter(([, value]) => !isEmpty(value)),
  );
}

/** Return the path of an address: a frame is loaded from where the page is. */
export function pathOf(url) {
  return new URL(url, "http://localhost").pathname;
}

/** Return the version in the address of one of the page's modules. */
export function versionOf(url) {
  return new URL(url).pathname.split("/").at(-2);
}
