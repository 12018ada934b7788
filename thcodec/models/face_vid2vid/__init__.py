"""face-vid2vid (Wang, Mallya, Liu 2021): a class per part, sized by a configuration."""
