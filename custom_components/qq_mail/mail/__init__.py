"""Composing and submitting mail: SMTP and MIME, without Home Assistant."""
