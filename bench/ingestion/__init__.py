"""HTTP to Kafka: the edge beside other collectors, each with one core and one worker."""
