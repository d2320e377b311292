"""Tests of the page in the front end, but for what a browser does."""
