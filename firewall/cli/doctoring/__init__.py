"""What `stayhand doctor` looks at, by subject."""
