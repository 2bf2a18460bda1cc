"""The DSS network (uniform decoder, LG-CAT) in plain PyTorch, with the parameter names of a checkpoint."""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {  # stem, widths, blocks, head size, channels, pairs of layers in an exchange
    "dss-nano": (16, (16, 32, 64, 128), (1, 1, 2, 1), 16, 32, 1),
    "dss-tiny": (64, (64, 128, 256, 512), (2, 2, 5, 2), 32, 128, 2),
    "dss-base": (64, (96, 192, 384, 768), (2, 6, 14, 2), 32, 128, 2),
}
gelu = nn.GELU(approximate="tanh")


def same(x, kernel, stride):
    """TensorFlow's SAME padding: the larger half at the bottom and right."""
    total = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
    (h, w) = total
    return F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2)) if any(total) else x


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Linear(nn.Linear):
    def forward(self, x):
        return F.conv2d(x, self.weight[..., None, None], self.bias)


class Bias(nn.Module):
    def __init__(self, heads, window):
        super().__init__()
        (p, q) = window
        self.relative_position_bias_table = nn.Parameter(torch.randn(heads, 2 * p - 1, 2 * q - 1) * 0.02)
        (y, x) = torch.arange(p * q) // q, torch.arange(p * q) % q
        self.at = (y[None] - y[:, None] + p - 1, x[None] - x[:, None] + q - 1)

    def forward(self):
        return self.relative_position_bias_table[:, self.at[0], self.at[1]]


def attention(q, k, v, bias, heads, window, grid):
    """Attention in windows (or the cells of a grid) of maps [B, C, H, W]; padded keys get no weight."""
    (b, c, h, w), (p, s) = q.shape, window
    (ph, pw) = -h % p, -w % s
    (a, d) = (h + ph) // p, (w + pw) // s

    def cut(x):
        x = F.pad(x, (0, pw, 0, ph)).reshape(b, heads, -1, *((p, a, s, d) if grid else (a, p, d, s)))
        return x.permute(0, 4, 6, 1, 3, 5, 2).flatten(4, 5) if grid else x.permute(0, 3, 5, 1, 4, 6, 2).flatten(4, 5)

    mask = bias()
    if ph or pw:
        real = F.pad(torch.ones(1, 1, h, w, device=q.device), (0, pw, 0, ph)).reshape(*((p, a, s, d) if grid else (a, p, d, s)))
        real = real.permute(1, 3, 0, 2) if grid else real.permute(0, 2, 1, 3)
        mask = mask + torch.where(real.reshape(a, d, 1, 1, p * s) > 0, 0.0, -1e9)
    y = F.scaled_dot_product_attention(cut(q), cut(k), cut(v), attn_mask=mask.expand(b, a, d, heads, p * s, p * s))
    y = y.unflatten(4, window)  # b a d heads p s width
    y = y.permute(0, 3, 6, 4, 1, 5, 2) if grid else y.permute(0, 3, 6, 1, 4, 2, 5)
    return y.reshape(b, c, h + ph, w + pw)[..., :h, :w]


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs, kernel=3):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return gelu(self.norm(self.conv(x)))


class Stem(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 2)
        self.norm1 = nn.BatchNorm2d(width, eps=1e-3)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.conv2(gelu(self.norm1(self.conv1(same(x, 3, 2)))))


class MbConv(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        wide = 4 * width
        self.stride = stride
        self.shortcut = nn.Module()
        if stride != 1 and inputs != width:
            self.shortcut.expand = nn.Conv2d(inputs, width, 1)
        self.pre_norm = nn.BatchNorm2d(inputs, eps=1e-3)
        self.conv1_1x1 = nn.Conv2d(inputs, wide, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wide, eps=1e-3)
        self.conv2_kxk = nn.Conv2d(wide, wide, 3, stride, groups=wide, bias=False)
        self.norm2 = nn.BatchNorm2d(wide, eps=1e-3)
        self.se = nn.Module()
        self.se.fc1, self.se.fc2 = nn.Conv2d(wide, width // 4, 1), nn.Conv2d(width // 4, wide, 1)
        self.conv3_1x1 = nn.Conv2d(wide, width, 1)

    def forward(self, x):
        short = x if self.stride == 1 else F.avg_pool2d(x, 2)
        if hasattr(self.shortcut, "expand"):
            short = self.shortcut.expand(short)
        r = gelu(self.norm1(self.conv1_1x1(self.pre_norm(x))))
        r = gelu(self.norm2(self.conv2_kxk(same(r, 3, self.stride))))
        gate = self.se.fc2(F.silu(self.se.fc1(r.mean((2, 3), keepdim=True))))
        return short + self.conv3_1x1(r * gate.sigmoid())


class Mlp(nn.Module):
    def __init__(self, width, ratio=4):
        super().__init__()
        self.fc1, self.fc2 = Linear(width, ratio * width), Linear(ratio * width, width)

    def forward(self, x):
        return self.fc2(gelu(self.fc1(x)))


class AttentionLayer(nn.Module):
    def __init__(self, width, head, window, grid):
        super().__init__()
        (self.heads, self.window, self.grid) = width // head, window, grid
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attn = nn.Module()
        self.attn.qkv, self.attn.proj = Linear(width, 3 * width), Linear(width, width)
        self.attn.rel_pos = Bias(self.heads, window)
        self.mlp = Mlp(width)

    def forward(self, x):
        q, k, v = self.attn.qkv(self.norm1(x)).chunk(3, 1)
        x = x + self.attn.proj(attention(q, k, v, self.attn.rel_pos, self.heads, self.window, self.grid))
        return x + self.mlp(self.norm2(x))


class Block(nn.Module):
    def __init__(self, inputs, width, stride, head, window):
        super().__init__()
        self.conv = MbConv(inputs, width, stride)
        self.attn_block = AttentionLayer(width, head, window, False)
        self.attn_grid = AttentionLayer(width, head, window, True)

    def forward(self, x):
        return self.attn_grid(self.attn_block(self.conv(x)))


class Cross(nn.Module):
    def __init__(self, c, grid):
        super().__init__()
        self.grid = grid
        self.norm_q, self.norm_kv, self.norm_ffn = LayerNorm(c), LayerNorm(c), LayerNorm(c)
        self.q, self.k, self.v, self.proj = (Linear(c, c) for _ in range(4))
        self.rel_pos, self.ffn = Bias(4, (7, 7)), Mlp(c)

    def forward(self, guide, y):
        q, a = self.q(self.norm_q(guide)), self.norm_kv(y)
        y = y + self.proj(attention(q, self.k(a), self.v(a), self.rel_pos, 4, (7, 7), self.grid))
        return y + self.ffn(self.norm_ffn(y))


class Fused(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(c, 4 * c, 3, padding=1, bias=False), nn.BatchNorm2d(4 * c)
        self.conv2, self.norm2 = nn.Conv2d(4 * c, c, 1, bias=False), nn.BatchNorm2d(c)

    def forward(self, y):
        return y + self.norm2(self.conv2(gelu(self.norm1(self.conv1(y)))))


class Direction(nn.Module):
    def __init__(self, c, pairs):
        super().__init__()
        self.layers = nn.ModuleList(Cross(c, i % 2 == 1) for i in range(2 * pairs))
        self.fused = Fused(c)

    def forward(self, guide, y):
        for layer in self.layers:
            y = layer(guide, y)
        return self.fused(y)


class Dss(nn.Module):
    """Depth in metres and logits, at a quarter of the picture's resolution. Nothing is dropped at random."""

    def __init__(self, name, size, classes=150, d_max=10.0):
        super().__init__()
        (stem, widths, blocks, head, c, pairs) = SIZES[name]
        window = (size[0] // 32, size[1] // 32)
        self.d_max = d_max
        self.encoder, self.decoder, self.exchange, self.head = (nn.Module() for _ in range(4))
        self.encoder.stem = Stem(stem)
        self.encoder.stages = nn.ModuleList()
        inputs = stem
        for width, n in zip(widths, blocks):
            stage = nn.Module()
            stage.blocks = nn.ModuleList()
            for j in range(n):
                stage.blocks.append(Block(inputs, width, 1 if j else 2, head, window))
                inputs = width
            self.encoder.stages.append(stage)
        self.decoder.lateral = nn.ModuleDict({str(i + 1): nn.Conv2d(w, c, 1) for i, w in enumerate(widths)})
        self.decoder.level = nn.ModuleDict(
            {str(i): nn.Sequential(ConvNorm(c if i == 4 else 2 * c, c), ConvNorm(c, c)) for i in range(1, 5)}
        )
        self.neck = nn.ModuleDict({t: nn.Sequential(ConvNorm(c, c), ConvNorm(c, c)) for t in ("depth", "semantics")})
        self.exchange.dgt, self.exchange.sgt = Direction(c, pairs), Direction(c, pairs)
        self.head.depth, self.head.semantics = nn.Module(), nn.Module()
        self.head.depth.block, self.head.depth.out = ConvNorm(c, c // 2), nn.Conv2d(c // 2, 1, 3, padding=1)
        self.head.semantics.block, self.head.semantics.out = ConvNorm(c, c), nn.Conv2d(c, classes, 1)

    def forward(self, x):
        x, encoded, d = self.encoder.stem(x), [], None
        for stage in self.encoder.stages:
            for block in stage.blocks:
                x = block(x)
            encoded.append(x)
        for i in range(4, 0, -1):
            lateral = self.decoder.lateral[str(i)](encoded[i - 1])
            joined = lateral if d is None else torch.cat((resize(d, 2), lateral), 1)
            d = self.decoder.level[str(i)](joined)
        f_d, f_s = self.neck["depth"](d), self.neck["semantics"](d)
        f_d, f_s = self.exchange.sgt(f_s, f_d), self.exchange.dgt(f_d, f_s)
        depth = self.head.depth.out(self.head.depth.block(f_d)).sigmoid() * self.d_max
        return depth.clamp(min=1e-3), self.head.semantics.out(self.head.semantics.block(f_s))


def resize(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def loss(depth, logits, truth, labels):
    """SILog over depths in (0.1, 10] plus cross-entropy at half the resolution."""
    depth = resize(depth, 4)[:, 0]
    real = (truth > 0.1) & (truth <= 10)
    g = depth[real].log() - truth[real].log()
    silog = 10 * (g.square().mean() - 0.85 * g.mean().square() + 1e-6).sqrt()
    return silog, F.cross_entropy(resize(logits, 2), labels[:, 1::2, 1::2], ignore_index=255)
