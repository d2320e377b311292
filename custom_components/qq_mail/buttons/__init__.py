"""Buttons in mails: who may press what until when, and the page that opens then.

A mail's buttons are links with a secret token; of that only a hash is kept. Whoever
opens one sees a page with one real button, and nothing happens before that is pressed.
"""
