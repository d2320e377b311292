"""The core by itself: no Home Assistant, disk, socket or clock."""
