"""The data engineers' loop: dbt beside production, which it reads and cannot write."""
