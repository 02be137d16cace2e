"""Definitions, gold versions, snapshots and releases: how numbers are built, audited, published and kept.

The documents of the protocol and who reads them stand here: ``model``, ``definition`` (what builds), ``versions`` (what
was built), ``log`` (what is shown). A number's life goes through the folders: ``building``, ``rebuilding``, ``diff``,
``publishing``, ``past``, ``upkeep``. ``door`` takes operators' orders over HTTP, ``service`` keeps all of it going.
"""
