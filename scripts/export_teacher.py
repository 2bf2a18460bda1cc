"""Writes a segmentation network of Hugging Face's transformers as ONNX, for `sdprep labels teach --onnx`.

Usage: export_teacher.py NAME OUT [HEIGHTxWIDTH]

NAME is a repository or a folder with the weights of a SegFormer (`--output logits`) or a OneFormer (`--output scores`) for ADE20K,
HEIGHTxWIDTH the size that the network is to see, 512x512 unless given; give it to `sdprep` as `--input-size`.
Needs torch, transformers, onnx, pillow and scipy.
"""

import sys

import torch
from transformers import AutoConfig, OneFormerForUniversalSegmentation, SegformerForSemanticSegmentation


class Segformer(torch.nn.Module):
    """Logits [1, classes, h/4, w/4]."""

    def __init__(self, name):
        super().__init__()
        self.model = SegformerForSemanticSegmentation.from_pretrained(name)

    def forward(self, pixels):
        return self.model(pixel_values=pixels).logits


class OneFormer(torch.nn.Module):
    """Scores [1, classes, h/4, w/4]: how much the masks of a class cover a pixel."""

    def __init__(self, name, task):
        super().__init__()
        self.model = OneFormerForUniversalSegmentation.from_pretrained(name)
        self.register_buffer("task", task)

    def forward(self, pixels):
        out = self.model(pixel_values=pixels, task_inputs=self.task)
        classes = out.class_queries_logits.softmax(-1)[..., :-1]
        return torch.einsum("bqc,bqhw->bchw", classes, out.masks_queries_logits.sigmoid())


def semantic_task(name):
    """The words "the task is semantic" as numbers."""
    from PIL import Image
    from transformers import OneFormerProcessor

    blank = Image.new("RGB", (64, 64))
    return OneFormerProcessor.from_pretrained(name)(blank, task_inputs=["semantic"], return_tensors="pt")["task_inputs"]


def export(network, out, width, height):
    # The newer exporter cannot follow OneFormer's encoder, and leaves the weights in a second file.
    torch.onnx.export(
        network.eval(),
        torch.zeros(1, 3, height, width),
        out,
        opset_version=17,
        input_names=["pixels"],
        output_names=["scores"],
        dynamo=False,
    )


def main(name, out, size="512x512"):
    height, width = map(int, size.split("x"))
    kind = AutoConfig.from_pretrained(name).model_type
    if kind not in ("segformer", "oneformer"):
        sys.exit(f"{name}: expected a segformer or a oneformer, found {kind}")
    network = Segformer(name) if kind == "segformer" else OneFormer(name, semantic_task(name))
    export(network, out, width, height)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
