// What the page computes without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bars,
  duration,
  filled,
  formSchema,
  octets,
  pathOf,
  tabOf,
  told,
  totals,
  turn,
  versionOf,
} from "../../custom_components/qq_mail/page/web/words.js";

test("a route opens its tab, and the first one by default", () => {
  assert.equal(tabOf("/history"), "history");
  assert.equal(tabOf("/history/more"), "history");
  assert.equal(tabOf("/nothing"), "outbox");
  assert.equal(tabOf(""), "outbox");
  assert.equal(tabOf(undefined), "outbox");
});

test("pages of rows stay within the rows", () => {
  assert.equal(turn(0, 1, 120), 50);
  assert.equal(turn(50, 1, 120), 100);
  assert.equal(turn(100, 1, 120), 100);
  assert.equal(turn(0, -1, 120), 0);
  assert.equal(turn(4950, 1, 5000), 4950);
  // What went out meanwhile is no page any more.
  assert.equal(turn(4950, -1, 60), 50);
  assert.equal(turn(50, 0, 0), 0);
});

test("durations have the unit that shows them well", () => {
  assert.equal(duration(0, "en"), "0 seconds");
  assert.equal(duration(119, "en"), "119 seconds");
  assert.equal(duration(120, "en"), "2 minutes");
  assert.equal(duration(7200, "en"), "2 hours");
  assert.equal(duration(2 * 86400, "en"), "2 days");
  assert.equal(duration(120, "zh-Hans"), "2分钟");
});

test("sizes are read in kilobytes or megabytes", () => {
  assert.equal(octets(10, "en"), "1 kB");
  assert.equal(octets(12_345, "en"), "12 kB");
  assert.equal(octets(1_234_567, "en"), "1.2 MB");
});

const HOURS = [
  { hour: "22", numbers: {} },
  { hour: "23", numbers: { rejected: 1, accepted: 3 } },
  { hour: "00", numbers: { accepted: 1 } },
];

test("bars are as high as their share of the highest hour", () => {
  const [empty, high, low] = bars(HOURS);
  assert.deepEqual(empty, { hour: "22", sum: 0, parts: [] });
  assert.equal(high.sum, 4);
  assert.deepEqual(high.parts, [
    { outcome: "accepted", number: 3, share: 0.75 },
    { outcome: "rejected", number: 1, share: 0.25 },
  ]);
  assert.equal(low.parts[0].share, 0.25);
  assert.deepEqual(
    bars([{ hour: "01", numbers: {} }]).map(({ sum }) => sum),
    [0],
  );
});

test("totals name each outcome once, in one order", () => {
  assert.deepEqual(totals(HOURS), [
    ["accepted", 4],
    ["rejected", 1],
  ]);
  assert.deepEqual(totals([]), []);
});

test("the form has a field for each of the action's, and folds its sections", () => {
  const fields = {
    title: { selector: { text: {} } },
    anything: {},
    times: { collapsed: true, fields: { wait: { selector: { number: {} } } } },
  };
  assert.deepEqual(
    formSchema(fields, (name) => `Section ${name}`),
    [
      { name: "title", selector: { text: {} }, required: false },
      { name: "anything", selector: { text: {} }, required: false },
      {
        type: "expandable",
        name: "",
        flatten: true,
        title: "Section times",
        schema: [{ name: "wait", selector: { number: {} }, required: false }],
      },
    ],
  );
});

const t = (key, placeholders) => [key, ...Object.values(placeholders ?? {})].join(" ");

test("of a message that was sent everything is told", () => {
  const refused = [
    { address: "ben@example.com", reply: "550 No" },
    { address: "nobody", reply: null },
  ];
  const answer = { status: "accepted", recipients: { refused }, notes: ["A note."] };
  assert.deepEqual(told({ ...answer, unknown: ["trigger"] }, t), [
    "outcome_accepted",
    "refused ben@example.com (550 No), nobody",
    "A note.",
    "unknown trigger",
  ]);
});

test("of several accounts that send each is told", () => {
  const sent = { account: "a@qq.com", status: "deferred", notes: [] };
  const failed = { account: "b@qq.com", status: "failed", error: "Full." };
  const answer = { ...sent, messages: [sent, failed], unknown: [] };
  assert.deepEqual(told(answer, t), [
    "a@qq.com: outcome_deferred",
    "b@qq.com: outcome_failed",
    "Full.",
  ]);
  assert.deepEqual(told({ status: "repeated", notes: [], unknown: [] }, t), [
    "outcome_repeated",
  ]);
});

test("what was left empty is not sent", () => {
  const data = { a: "", b: null, c: undefined, d: [], e: {}, f: 0, g: false, h: "x" };
  assert.deepEqual(filled(data), { f: 0, g: false, h: "x" });
  assert.deepEqual(filled(undefined), {});
});

test("a preview is loaded from where the page is", () => {
  assert.equal(
    pathOf("https://home.example/api/qq_mail/preview/1"),
    "/api/qq_mail/preview/1",
  );
  assert.equal(pathOf("/api/qq_mail/preview/1"), "/api/qq_mail/preview/1");
});

test("a module knows its version by its address", () => {
  assert.equal(
    versionOf("http://home:8123/api/qq_mail/page/0123abcd/page.js"),
    "0123abcd",
  );
});
