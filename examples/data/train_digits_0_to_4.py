"""Train the network of `examples/finetune.py` in PyTorch on the digits 0 to 4, and save its weights beside this file.

    python examples/data/train_digits_0_to_4.py [file]

The file here was made with PyTorch 2.13 on a CPU.
"""

import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from finetune import digits, torch_network  # noqa: E402


def main(file: Path) -> None:
    """Train it for ten epochs, print its accuracy, and write the file."""
    torch.manual_seed(0)
    (images, labels), (test_images, test_labels) = [
        (torch.tensor(np.moveaxis(images, -1, 1)), torch.tensor(labels)) for images, labels in digits(0)
    ]
    module = torch_network(torch)
    optimiser = torch.optim.Adam(module.parameters(), 1e-3, weight_decay=1e-4)
    for _ in range(10):
        for rows in torch.randperm(len(images)).split(50):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(images[rows]), labels[rows]).backward()
            optimiser.step()
    with torch.no_grad():
        found = (module(test_images).argmax(1) == test_labels).double().mean()
    print(f"accuracy on the test digits: {found:.3f}")
    torch.save(module.state_dict(), file)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "digits_0_to_4.pth")
