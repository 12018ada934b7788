"""Source stills: how they are coded and when one is sent."""
