"""Show and steer rollouts, for programs: a stateless front of the services, built on their client."""
