"""Tests of the QQ Mail integration."""
