"""The product's speed, measured beside its peers on one machine in one run. Each module says what it compares."""
