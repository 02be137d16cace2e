"""Real data as CloudEvents with the numbers that must come out; generated data where the files are absent."""
