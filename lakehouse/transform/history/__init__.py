"""What was known when: what every release showed, in SQL, and what has been restated since."""
