"""oneDNN's kernels for float32 on CPUs, where the wheel `onednn-cpu-gomp` is installed (the extra `fast`)."""
