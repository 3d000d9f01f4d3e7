"""Programs made of graphs: readable source text that runs without a trace and without arrays around the raw values."""
