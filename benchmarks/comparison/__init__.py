"""What `benchmarks/table.py` compares: the rows, each library's side of them, and the machine that they run on."""
