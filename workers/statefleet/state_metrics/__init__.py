"""Show the fleet's objects as metrics, under the names that dashboards and alerts for Kubernetes read."""
