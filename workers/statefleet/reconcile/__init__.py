"""What every worker is built of: one cache of the fleet, queues of keys, fenced writes, and the loop over them."""
