"""Small networks, and what they answer found the slow way: each canvas laid in a whole frame."""

import numpy as np
import torch
from PIL import Image
from torch import nn

# Small arrays: threads that wait for one another cost more than they save.
torch.set_num_threads(1)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def chain(**more):
    """A chain with every kind of padding, stride and in-place activation."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 12, 3, padding="same", dilation=2, groups=2),
        nn.LeakyReLU(0.1, inplace=True),
        nn.AvgPool2d(2),
        nn.Dropout(0.5),
        nn.Conv2d(12, 6, 3, padding=1),
    )


class Residual(nn.Module):
    """Two paths that meet again, in place, and a head for one size of image only."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Conv2d(3, 8, 7, stride=2, padding=3)
        self.bn = nn.BatchNorm2d(8)
        self.one = nn.Conv2d(8, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 3, padding=1)
        self.short = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU(inplace=True)
        self.out = nn.Conv2d(8, 5, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.scale = nn.Conv2d(5, 5, 1)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        x = self.relu(self.bn(self.stem(x)))
        y = self.two(self.relu(self.one(x)))
        y += self.short(x)
        x = self.out(self.relu(y))
        x = x * torch.sigmoid(self.scale(self.pool(x)))
        return self.head(self.pool(x).flatten(1))


def photographs(n=3, size=40, seed=0):
    """Smooth noise, so that resizing leaves something of it."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(p).resize((size, size))) for p in small]


def reference_canvas(pixels, size, shift, crop=3 / 4, background=(0.0, 0.0, 0.0)):
    """One canvas as the design has it, (channel, row, column), written without the package."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(pixels[top : top + side, left : left + side]).convert("RGB")
    c = round(crop * size)
    small = np.asarray(square.resize((c, c), Image.Resampling.BICUBIC)) / 255
    canvas = np.empty((size, size, 3))
    canvas[:] = background
    top, left = (size - c) // 2, round(shift * size)
    canvas[top : top + c, left : left + c] = (small - MEAN) / STD
    return torch.tensor(canvas.transpose(2, 0, 1), dtype=torch.float32)


def brute_force(model, layer, pixels, shifts, *, size, stride, start, frame, background=0.0):
    """Responses (channel, image, position): every canvas in a whole frame, the whole network run.

    `size`, `stride` and `start`, the first pixel of the first unit's field, are given by the test.
    """
    unit = next(i for i in range(1000) if start + i * stride >= (frame - size) // 2)
    corner = start + unit * stride
    assert corner + size <= frame
    frames = torch.full((len(pixels) * len(shifts), 3, frame, frame), float(background))
    index = 0
    for picture in pixels:
        for shift in shifts:
            canvas = reference_canvas(picture, size, shift, background=(background,) * 3)
            frames[index, :, corner : corner + size, corner : corner + size] = canvas
            index += 1
    kept = []
    module = model.get_submodule(layer)
    hook = module.register_forward_hook(lambda _m, _i, output: kept.append(output.clone()))
    training = model.training
    with torch.no_grad():
        model.eval()(frames)
    model.train(training)
    hook.remove()
    values = kept[0][:, :, unit, unit].reshape(len(pixels), len(shifts), -1)
    return values.permute(2, 0, 1).numpy()
