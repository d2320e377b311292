// Reads a mail as npm's mailparser does, and writes what it read as JSON.
const { simpleParser } = require("mailparser");

simpleParser(process.stdin).then((mail) => {
  const { subject, from, to, text, html, attachments } = mail;
  const files = attachments.map(({ filename, contentType, related }) => ({
    filename,
    contentType,
    related: Boolean(related),
  }));
  const people = (field) => (field ? field.value : []);
  process.stdout.write(
    JSON.stringify({ subject, from: people(from), to: people(to), text, html, files }),
  );
});
