"""Taking an account over from Home Assistant's own integration `smtp`.

`source` reads what is set up there, `switch` lets what names core's entities reach ours
and takes that back, `leftover` finds what a person has to change. The config flow asks.
"""
