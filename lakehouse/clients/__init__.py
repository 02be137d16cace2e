"""One module per outside system. Only it imports that system's client, and its errors are translated here."""
