# From 2026.9, Home Assistant puts probatio in voluptuous' place and types its own
# code with it. Without this, mypy sees two kinds of Schema. What Home Assistant
# 2026.8 lacks, the tests on it find.
from probatio import *
