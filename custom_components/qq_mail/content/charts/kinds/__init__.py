"""The kinds of charts; `fetching.py` has the table of them."""
