"""Signed tokens (contract 2, "Tokens"): EdDSA JWTs, issued by an operator, verified with public keys only.

``issue`` is the operator's side and alone reads the private key; ``verify`` is the services' side; ``revoke``
writes the list that both read. All three meet in the files of ``settings.keys_path`` (``keys``).
"""

from lakehouse.http.problems import ForbiddenError, UnauthorizedError
from lakehouse.tokens.claims import MERCHANT_ID, MERCHANT_ID_RULE, Principal, Scope
from lakehouse.tokens.verify import Verifier

__all__ = ["MERCHANT_ID", "MERCHANT_ID_RULE", "ForbiddenError", "Principal", "Scope", "UnauthorizedError", "Verifier"]
