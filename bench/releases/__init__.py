"""Issue "Releases": rebuilding history, changing what readers see, and what readers notice of it."""
