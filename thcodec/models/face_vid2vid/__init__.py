"""face-vid2vid (Wang, Mallya, Liu 2021): one class per part of the paper, sized by a configuration."""
