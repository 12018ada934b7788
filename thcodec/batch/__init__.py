"""Many clips: on one machine in processes of their own, or on a Ray cluster."""
