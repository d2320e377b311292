// Reads mails as npm's mailparser does: of each file that a line names, a line of JSON
// with what it read.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const { simpleParser } = require("mailparser");

async function main() {
  for await (const name of createInterface({ input: process.stdin })) {
    const mail = await simpleParser(readFileSync(name));
    const { subject, from, to, text, html, attachments } = mail;
    const files = attachments.map(({ filename, contentType, related }) => ({
      filename,
      contentType,
      related: Boolean(related),
    }));
    const people = (field) => (field ? field.value : []);
    const read = { subject, from: people(from), to: people(to), text, html, files };
    process.stdout.write(`${JSON.stringify(read)}\n`);
  }
}

main();
