"""How a mail is written: header fields, body parts, the card, wire form."""
