"""One transform a file: its tracer, its trace, and its public function."""
