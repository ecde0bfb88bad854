"""PowerShell: text to commands, read with the same catalogue as other shells."""
