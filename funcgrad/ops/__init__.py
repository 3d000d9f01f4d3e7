"""Every operation, by family; each is declared once, with its rules."""
