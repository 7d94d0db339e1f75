"""SegNet as castro2019 describes it: VGG-like blocks, and upsampling that repeats values."""

from torch import Tensor, nn


class SegNet(nn.Module):
    """An encoder of five blocks and a decoder that mirrors it.

    Keras' defaults hold where the paper names none: Glorot's uniform weights, biases of 0, and the
    epsilon of batch normalisation.

    Args:
        classes: number of classes C.
        complex_decoder_convs: convolutions in each complex block of the decoder.
        batchnorm_momentum: weight of a batch in the running statistics, (0, 1].

    Source: castro2019, Tables 1 and 2. Table 1 says two convolutions for the decoder's complex
        blocks, as for its simple ones, while Table 2's counts are those of three. Table 2 repeats
        the encoder's counts for the decoder and 256 -> 512 for 512 -> 512; sizes settle what is
        meant. Its classifier's count fixes a kernel of 1 on 64 channels.
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
        """Logits [B,C,H,W] of photos [B,3,H,W], H and W multiples of 32."""
        features = image
        for block in self.encoder.values():
            features = self.pool(block(features))
        features = self.upsample(features)  # [B,512,H/16,W/16]
        for block in self.decoder.values():
            features = self.upsample(block(features))
        return self.final(features)


def _block(inputs: int, outputs: int, convolutions: int) -> nn.Sequential:
    """Convolution, ReLU and batch normalisation, several times."""
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [
            nn.Conv2d(inputs if number == 0 else outputs, outputs, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(outputs, eps=1e-3),
        ]
    return nn.Sequential(*layers)
