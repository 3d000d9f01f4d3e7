"""Well-known models, once of our layers and once of PyTorch's modules, with fields and attributes of the same names."""

from __future__ import annotations

from typing import Any

import funcgrad.functional as F  # the name users type
from funcgrad import layers


class LeNet(layers.Layer):
    conv1: layers.Conv2d = layers.Conv2d(1, 6, 5, padding=2, layout="NCHW")
    conv2: layers.Conv2d = layers.Conv2d(6, 16, 5, layout="NCHW")
    fc1: layers.Linear = layers.Linear(400, 120)
    fc2: layers.Linear = layers.Linear(120, 84)
    fc3: layers.Linear = layers.Linear(84, 10)

    def forward(self, run: Any, x: Any) -> Any:
        x = F.max_pool2d(F.tanh(run.conv1(x)), 2, layout="NCHW")
        x = F.max_pool2d(F.tanh(run.conv2(x)), 2, layout="NCHW")
        x = F.tanh(run.fc1(x.reshape(x.shape[0], -1)))
        return run.fc3(F.tanh(run.fc2(x)))


def torch_lenet(torch: Any) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = functional.max_pool2d(torch.tanh(self.conv1(x)), 2)
            x = functional.max_pool2d(torch.tanh(self.conv2(x)), 2)
            x = torch.tanh(self.fc1(x.flatten(1)))
            return self.fc3(torch.tanh(self.fc2(x)))

    return Net()


class BasicBlock(layers.Layer):
    conv1: layers.Conv2d
    bn1: layers.BatchNorm2d
    conv2: layers.Conv2d
    bn2: layers.BatchNorm2d
    downsample: layers.Layer

    def forward(self, run: Any, x: Any) -> Any:
        y = run.bn2(run.conv2(F.relu(run.bn1(run.conv1(x)))))
        return F.relu(y + run.downsample(x))


def basic_block(inputs: int, outputs: int, stride: int) -> BasicBlock:
    shortcut: layers.Layer = layers.Identity()
    if stride > 1 or inputs != outputs:
        shortcut = layers.Sequential(
            layers.Conv2d(inputs, outputs, 1, stride=stride, bias=False), layers.BatchNorm2d(outputs)
        )
    return BasicBlock(
        layers.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        layers.BatchNorm2d(outputs),
        layers.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        layers.BatchNorm2d(outputs),
        shortcut,
    )


class ResNet18(layers.Layer):
    """Images are (N, H, W, 3), which changes nothing for weights: after the last pool there are channels alone."""

    conv1: layers.Conv2d = layers.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
    bn1: layers.BatchNorm2d = layers.BatchNorm2d(64)
    layer1: layers.Sequential = layers.Sequential(basic_block(64, 64, 1), basic_block(64, 64, 1))
    layer2: layers.Sequential = layers.Sequential(basic_block(64, 128, 2), basic_block(128, 128, 1))
    layer3: layers.Sequential = layers.Sequential(basic_block(128, 256, 2), basic_block(256, 256, 1))
    layer4: layers.Sequential = layers.Sequential(basic_block(256, 512, 2), basic_block(512, 512, 1))
    fc: layers.Linear = layers.Linear(512, 10)

    def forward(self, run: Any, x: Any) -> Any:
        x = F.max_pool2d(F.relu(run.bn1(run.conv1(x))), 3, stride=2, padding=1)
        x = run.layer4(run.layer3(run.layer2(run.layer1(x))))
        return run.fc(x.mean((1, 2)))


def torch_resnet18(torch: Any) -> Any:
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.downsample = (
                nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
                if stride > 1 or inputs != outputs
                else nn.Identity()
            )

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            return functional.relu(y + self.downsample(x))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
            self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
            self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
            self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
            self.fc = nn.Linear(512, 10)

        def forward(self, x: Any) -> Any:
            x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    return Net()
