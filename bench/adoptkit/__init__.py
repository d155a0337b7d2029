"""What bench/adopt is made of."""
