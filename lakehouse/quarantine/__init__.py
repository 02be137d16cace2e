"""What was refused, by whom and why: ``selection`` (which of it), ``statements`` and ``reading`` (where it lies),
``event`` (as it is sent), ``mend``, ``preview`` and ``replaying`` (through the edge again).
"""
