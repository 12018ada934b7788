"""Programs that look for inputs the readers cannot cope with: `make fuzz`."""
