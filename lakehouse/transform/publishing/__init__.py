"""How readers come to see a snapshot: releases by cycles and by operators, and what must hold before."""
