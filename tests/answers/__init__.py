"""Tests of answers by mail: through Home Assistant, and QQ-like servers on both ends."""
