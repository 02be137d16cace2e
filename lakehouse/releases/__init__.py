"""Definitions, gold versions, snapshots and releases: how numbers are built, audited and published.

The order of a number's life is the order of the modules: ``definition`` (what builds it), ``cycle`` (builds it),
``audit``, ``snapshots`` (what was built), ``log`` (what is shown).
"""
