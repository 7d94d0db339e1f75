"""SegNet as described by castro2019: VGG-like blocks and nearest-neighbor upsampling."""

from torch import Tensor, nn


class SegNet(nn.Module):
    """SegNet with an encoder of five blocks and a symmetric decoder.

    Where the paper gives no value, Keras' defaults apply: Glorot uniform weights, zero biases, and
    the epsilon of batch normalization.

    Args:
        classes: number of classes C.
        complex_decoder_convs: convolutions in each complex block of the decoder.
        batchnorm_momentum: weight of the current batch in the running statistics, (0, 1].

    Source: castro2019, Tables 1 and 2. Table 1 lists two convolutions for the decoder's complex
        blocks, as for its simple ones, but the parameter counts in Table 2 match three. Table 2
        repeats the encoder's counts for the decoder and prints 256 -> 512 for 512 -> 512; the
        feature sizes resolve the ambiguity. The classifier's count implies a 1x1 kernel on 64
        channels.
    """

    stride = 32

    def __init__(self, classes: int, complex_decoder_convs: int, batchnorm_momentum: float) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict(
            {
                "simple_block_1": _block(3, 64, 2),
                "simple_block_2": _block(64, 128, 2),
                "complex_block_1": _block(128, 256, 3),
                "complex_block_2": _block(256, 512, 3),
                "complex_block_3": _block(512, 512, 3),
            }
        )
        self.decoder = nn.ModuleDict(
            {
                "complex_block_1": _block(512, 512, complex_decoder_convs),
                "complex_block_2": _block(512, 512, complex_decoder_convs),
                "complex_block_3": _block(512, 256, complex_decoder_convs),
                "simple_block_1": _block(256, 128, 2),
            }
        )
        self.final = _block(128, 64, 2).append(nn.Conv2d(64, classes, 1))
        self.pool = nn.MaxPool2d(2)
        self.upsample = nn.UpsamplingNearest2d(scale_factor=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = batchnorm_momentum

    def forward(self, image: Tensor) -> Tensor:
        """Return logits [B,C,H,W] of images [B,3,H,W], H and W multiples of 32."""
        features = image
        for block in self.encoder.values():
            features = self.pool(block(features))
        features = self.upsample(features)  # [B,512,H/16,W/16]
        for block in self.decoder.values():
            features = self.upsample(block(features))
        logits: Tensor = self.final(features)
        return logits


def _block(in_channels: int, out_channels: int, convolutions: int) -> nn.Sequential:
    """Build a stack of convolution, ReLU and batch normalization."""
    layers: list[nn.Module] = []
    for index in range(convolutions):
        layers += [
            nn.Conv2d(in_channels if index == 0 else out_channels, out_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(out_channels, eps=1e-3),
        ]
    return nn.Sequential(*layers)
