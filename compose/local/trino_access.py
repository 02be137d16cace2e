"""Who may do what in Trino: everybody reads, the transform and its rebuilds write, others write in sandboxes only.

Out: the rules file of Trino's own file-based access control. What lies in a table of silver and gold is what readers
are shown, so it comes from frozen definitions alone.

Users are not authenticated here: on one machine this keeps honest clients from mistakes, and nobody else out. For the
same reason all sandboxes are one another's: the rules cannot take a schema's name from the user's. (Trino lets a
reader run OPTIMIZE, which moves rows and changes none.)
"""

from lakehouse.contracts.tables import CATALOG, SANDBOXES, WRITERS

_ALL = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]
_READ = ["SELECT", "GRANT_SELECT"]


def rules() -> dict[str, object]:
    """In each list the first rule that fits decides; what fits none is refused."""
    writers = {"user": WRITERS}
    sandboxes = {"catalog": CATALOG, "schema": SANDBOXES}
    return {
        # Only a gate: "all" leaves the decision to the rules of schemas and tables.
        "catalogs": [{"catalog": CATALOG, "allow": "all"}, {**writers, "allow": "all"}, {"allow": "read-only"}],
        "schemas": [{**writers, "owner": True}, {**sandboxes, "owner": True}, {"owner": False}],
        "tables": [
            {**writers, "privileges": _ALL},
            {**sandboxes, "privileges": _ALL},
            {"privileges": _READ},
        ],
        "procedures": [{**writers, "privileges": ["EXECUTE"]}],
        "functions": [
            {**writers, "privileges": ["EXECUTE", "GRANT_EXECUTE"]},
            {"catalog": "system", "schema": "builtin", "privileges": ["EXECUTE", "GRANT_EXECUTE"]},
            {"catalog": CATALOG, "schema": "system", "privileges": ["EXECUTE"]},
        ],
        "queries": [
            {**writers, "allow": ["execute", "view", "kill"]},
            {"allow": ["execute", "view"]},
        ],
    }
