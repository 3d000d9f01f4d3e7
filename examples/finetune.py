"""Fine-tune a network that PyTorch trained, and give it back: `python examples/finetune.py`.

`data/digits_0_to_4.pth` holds the weights of a network that tells the digits 0 to 4 apart, as `torch.save` wrote them.
Here it learns the digits 5 to 9: its convolutions stay as they are, its first dense layer gets a low-rank addition,
and its last layer starts anew. The result is a file that PyTorch's module loads. PyTorch need not be installed; where
it is, its outputs are compared with those here.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import data, io, layers, optim, random, tree

DATA = Path(__file__).parent / "data"
MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST's training images


class Network(layers.Layer):
    """The fields are called as the parts of PyTorch's module, `torch_network`, so that the weights fit by name."""

    conv1: layers.Conv2d = layers.Conv2d(1, 8, 3)
    conv2: layers.Conv2d = layers.Conv2d(8, 16, 3)
    # images have their channels last here; so the dense layer finds the numbers where PyTorch's does
    flatten: layers.Flatten = layers.Flatten(channels_first=True)
    fc1: layers.Linear = layers.Linear(400, 64)
    head: layers.Linear = layers.Linear(64, 5)

    def forward(self, run: Any, x: Any) -> Any:
        x = F.max_pool2d(F.relu(run.conv1(x)), 2)
        x = F.max_pool2d(F.relu(run.conv2(x)), 2)
        return run.head(F.relu(run.fc1(run.flatten(x))))


def torch_network(torch: Any) -> Any:
    """The same network in PyTorch."""
    nn = torch.nn
    parts = OrderedDict(
        conv1=nn.Conv2d(1, 8, 3),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(8, 16, 3),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(400, 64),
        relu3=nn.ReLU(),
        head=nn.Linear(64, 5),
    )
    return nn.Sequential(parts)


def digits(first: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Five digits to train on and to test on: images, channels last, and how far each digit is from the first."""
    train_images, train_labels, test_images, test_labels = data.mnist(DATA, download=False)
    parts = []
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        wanted = (labels >= first) & (labels < first + 5)
        pixels = data.normalize(data.to_float(images[wanted]), MEAN, STD)
        parts.append((pixels, labels[wanted].astype(np.int64) - first))
    return parts


def accuracy(model: layers.Layer, params: Any, images: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.argmax(model(params, images), axis=-1) == labels))


def finetune(options: argparse.Namespace, model: Network, params: Any) -> tuple[layers.Layer, Any]:
    """The network for the digits 5 to 9, from that for 0 to 4: the model with additions, and its parameters."""
    training, testing = digits(5)
    head_key, lora_key, key = random.split(random.key(options.seed), 3)
    params = {**params, "head": model.head.init(head_key)[0]}
    adapted = layers.with_lora(model, "fc1", rank=options.rank)
    params, _ = layers.lora_params(adapted, params, key=lora_key)

    # what is trained is told by its path; of the rest there is neither a gradient nor a state of the optimiser
    trained, frozen = tree.partition(params, tree.select(params, ["fc1/lora_*", "head"]))
    sizes = [sum(p.size for p in tree.leaves(part)) for part in (trained, params)]
    print(f"training {sizes[0]:,} of {sizes[1]:,} parameters: {', '.join(tree.path_strings(tree.structure(trained)))}")

    def loss_fn(trained: Any, images: Any, labels: Any) -> Any:
        return F.cross_entropy(adapted(tree.combine(trained, frozen), images), labels)

    optimiser = optim.adam(options.learning_rate)

    @fg.jit
    def step(trained: Any, opt_state: Any, images: Any, labels: Any) -> Any:
        loss, grads = fg.value_and_grad(loss_fn)(trained, images, labels)
        updates, opt_state = optimiser.update(grads, opt_state, trained)
        return optim.apply_updates(trained, updates), opt_state, loss

    opt_state = optimiser.init(trained)
    print(f"before: accuracy {accuracy(adapted, params, *testing):.3f}")
    for epoch in range(options.epochs):
        losses = []
        for batch in data.batches(training, 50, key=random.fold_in(key, epoch)):
            trained, opt_state, loss = step(trained, opt_state, *fg.device_put(batch))
            losses.append(float(loss))
        found = accuracy(adapted, tree.combine(trained, frozen), *testing)
        print(f"epoch {epoch + 1}/{options.epochs}: loss {np.mean(losses):.4f}, accuracy {found:.3f}")
    return adapted, tree.combine(trained, frozen)


def compare_with_torch(file: Path, images: np.ndarray, logits: np.ndarray) -> None:
    """PyTorch's module with the weights of the file, on the same images."""
    import torch

    module = torch_network(torch)
    weights = {name: torch.from_numpy(np.array(x)) for name, x in io.load_safetensors(file).items()}
    module.load_state_dict(weights)
    with torch.no_grad():
        theirs = module(torch.tensor(np.moveaxis(images, -1, 1))).numpy()
    print(f"PyTorch loads it; the outputs differ by {np.abs(theirs - logits).max():.1e} at most")


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rank", type=int, default=4, help="of the addition to the first dense layer")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same numbers on every run")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to keep the weights, a safetensors file")
    options = parser.parse_args(arguments)

    model = Network()
    params, _ = layers.from_torch_state_dict(model, io.load_torch(DATA / "digits_0_to_4.pth"))
    print(f"loaded: accuracy {accuracy(model, params, *digits(0)[1]):.3f} on the digits 0 to 4")

    merged, params, _ = layers.merge_lora(*finetune(options, model, params))
    assert merged == model  # a plain network again

    with tempfile.TemporaryDirectory() as folder:
        file = options.output or Path(folder) / "digits_5_to_9.safetensors"
        io.save_safetensors(file, layers.to_torch_state_dict(model, params))
        again, _ = layers.from_torch_state_dict(model, io.load_safetensors(file))
        assert all(map(np.array_equal, tree.leaves(again), tree.leaves(params)))
        images, labels = digits(5)[1]
        logits, found = np.asarray(model(again, images)), accuracy(model, again, images, labels)
        print(f"saved {file.name} and read it again: accuracy {found:.3f} on the digits 5 to 9")
        if find_spec("torch"):
            compare_with_torch(file, images, logits)
        else:
            print("PyTorch is not installed, so its outputs are not compared")
    return found


if __name__ == "__main__":
    main()
