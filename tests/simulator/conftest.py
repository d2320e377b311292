"""A journal of which little makes many segments."""

from tests.store.conftest import small

__all__ = ["small"]
