"""What an operation's forward calls where the array module has no function for it, or none that is fast."""
