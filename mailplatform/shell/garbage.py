"""Garbage: how often a process that handles mail in bulk looks for circles of objects that nobody uses.

Nearly all that a message needs is freed by counting references; only circles wait for the collector, and they are rare here. With the interpreter's
defaults it looked after every 700 new objects, and now and then through everything that was ever imported, which stops a loop for tens of milliseconds: a fifth
of a web worker's time while batches came in. Promises: circles are still found, a little later; what a process has loaded by now is never looked through again.
"""

import gc

NEW_OBJECTS = 50_000  # between two looks at what is new: a batch of five hundred messages, and some megabytes
LOOKS = 20  # of one kind, before a look at what is older


def look_seldom() -> None:
    """To be called once everything is loaded, in the process that handles the mail."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, LOOKS, LOOKS)
