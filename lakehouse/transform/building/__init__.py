"""How a gold version comes by its next snapshot: dbt builds and audits, and a document says so."""
